package main

import (
	"context"

	"github.com/spf13/cobra"

	"postern/internal/admin"
)

func newDomainAdd() *cobra.Command {
	var w admin.Ways
	cmd := changeCommand(&cobra.Command{
		Use:   "add [--config FILE] [--force] [--json] DOMAIN",
		Short: "Host a domain",
		Long: "Host a domain: handles answer there at once, aliases as they are added. It needs an MX record that leads here;\n" +
			"'postern dkim sync' makes its key. A name in other letters than ASCII is written as DNS has it (xn--)." + exitsOfChanges,
		Example: "  postern domain add example.org",
		Args:    cobra.ExactArgs(1),
	}, func(ctx context.Context, d *tableDesk, args []string) (admin.Done, error) {
		return d.desk.AddDomain(ctx, args[0], w)
	})
	forceFlag(cmd, &w, "host a public suffix (co.uk), or a domain that rows lead to which would be answered by nothing")
	return cmd
}

func newDomainRemove() *cobra.Command {
	var w admin.Ways
	cmd := changeCommand(&cobra.Command{
		Use:   "remove [--config FILE] [--cascade] [--json] DOMAIN",
		Short: "Host a domain no more",
		Long: "Host a domain no more. While aliases, senders or targets at it exist nothing is removed, and they are counted.\n" +
			"--cascade removes the aliases and senders at it as well; rows elsewhere that lead to it stay." + exitsOfChanges,
		Example: "  postern domain remove example.org\n  postern domain remove --cascade example.org",
		Args:    cobra.ExactArgs(1),
	}, func(ctx context.Context, d *tableDesk, args []string) (admin.Done, error) {
		return d.desk.RemoveDomain(ctx, args[0], w)
	})
	cmd.Flags().BoolVar(&w.Cascade, "cascade", false, "remove its aliases and senders with it")
	return cmd
}
