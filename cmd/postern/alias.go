package main

import (
	"context"

	"github.com/spf13/cobra"

	"postern/internal/admin"
)

func newAliasAdd() *cobra.Command {
	var w admin.Ways
	cmd := changeCommand(&cobra.Command{
		Use:   "add [--config FILE] [--replace] [--force] [--json] ADDRESS TARGET...",
		Short: "Make an address lead to others",
		Long: "Make ADDRESS, or @DOMAIN for every name that has no row of its own, lead to one or more targets (several words,\n" +
			"or commas). A target @DOMAIN is the same name there. Targets that lead in a circle, or nowhere, are refused." + exitsOfChanges,
		Example: "  postern alias add info@example.org owner@example.com\n  postern alias add --replace team@example.org a@example.com b@example.com\n  postern alias add @example.org everything@example.com",
		Args:    cobra.MinimumNArgs(2),
	}, func(ctx context.Context, d *tableDesk, args []string) (admin.Done, error) {
		return d.desk.AddAlias(ctx, args[0], args[1:], w)
	})
	cmd.Flags().BoolVar(&w.Replace, "replace", false, "where the alias exists, change where it leads")
	forceFlag(cmd, &w, "even if the domain is not hosted yet, a handle answers first, or a target leads nowhere yet")
	return cmd
}
