package main

import (
	"context"

	"github.com/spf13/cobra"

	"postern/internal/admin"
)

func newSenderAdd() *cobra.Command {
	var w admin.Ways
	cmd := changeCommand(&cobra.Command{
		Use:   "add [--config FILE] [--force] [--json] LOGIN SENDER",
		Short: "Let a login send as an address",
		Long: "Let LOGIN send as SENDER, an address, or @DOMAIN for all of one. Several logins may send as one sender.\n" +
			"What its mail would lack is noted: a user of that name, an alias that bounces can come back to." + exitsOfChanges,
		Example: "  postern sender add alice alice@example.org\n  postern sender add alice @example.org",
		Args:    cobra.ExactArgs(2),
	}, func(ctx context.Context, d *tableDesk, args []string) (admin.Done, error) {
		return d.desk.AddSender(ctx, args[0], args[1], w)
	})
	forceFlag(cmd, &w, "even if the sender's domain is not hosted here")
	return cmd
}
