package main

import (
	"context"

	"github.com/spf13/cobra"

	"postern/internal/admin"
)

func newHandleAdd() *cobra.Command {
	var w admin.Ways
	cmd := changeCommand(&cobra.Command{
		Use:   "add [--config FILE] [--replace] [--shadow] [--force] [--json] HANDLE TARGET...",
		Short: "Make a name lead to one place at every hosted domain",
		Long: "Make HANDLE, the part before the @, lead to one or more targets at every hosted domain, now and later. It comes\n" +
			"before aliases of its name: where there are any it is refused without --shadow. Reserved names are refused." + exitsOfChanges,
		Example: "  postern handle add alice alice@example.com\n  postern handle add --replace alice alice@example.net",
		Args:    cobra.MinimumNArgs(2),
	}, func(ctx context.Context, d *tableDesk, args []string) (admin.Done, error) {
		return d.desk.AddHandle(ctx, args[0], args[1:], w)
	})
	cmd.Flags().BoolVar(&w.Replace, "replace", false, "where the handle exists, change where it leads")
	cmd.Flags().BoolVar(&w.Shadow, "shadow", false, "answer in place of the aliases of that name")
	forceFlag(cmd, &w, "even if a target leads nowhere yet")
	return cmd
}
