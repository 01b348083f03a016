package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"postern/internal/admin"
	"postern/internal/store"
)

// exitsOfChanges is part of every help text of a command that changes a table.
const exitsOfChanges = "\nExit status 0: done; 1: nothing was changed, and the line says why; 2: cannot be meant; 75: the database did not do it."

// newTableCommand makes the command of a table with what all tables have.
func newTableCommand(k rowKind, long string, more ...*cobra.Command) *cobra.Command {
	words := []string{"add", "list", "enable", "disable", "remove"}
	cmd := &cobra.Command{
		Use:     k.noun,
		Short:   fmt.Sprintf("Add, list, enable, disable or remove rows of table %s", k.table),
		Long:    long,
		Example: fmt.Sprintf("  postern %s list\n  postern %s disable %s", k.noun, k.noun, k.example),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usage("say %s: see '%s --help'", strings.Join(words, ", "), cmd.CommandPath())
		},
	}
	cmd.AddCommand(more...)
	cmd.AddCommand(newTableList(k), newTableSwitch(k, true), newTableSwitch(k, false))
	return cmd
}

// newTableSwitch makes enable or disable.
func newTableSwitch(k rowKind, on bool) *cobra.Command {
	word, short, long := "enable", "Switch a disabled row on", "Switch a disabled row on, if it could be added as it is."
	if !on {
		word, short, long = "disable", "Switch a row off, and keep it", "Switch a row off: daemons take it for not there. 'enable' takes that back."
	}
	return changeCommand(&cobra.Command{
		Use:     word + " [--config FILE] [--json] " + strings.Join(k.args, " "),
		Short:   short,
		Long:    long + exitsOfChanges,
		Example: fmt.Sprintf("  postern %s %s %s", k.noun, word, k.example),
		Args:    cobra.ExactArgs(len(k.args)),
	}, func(ctx context.Context, d *tableDesk, args []string) (admin.Done, error) {
		if on {
			return d.desk.Enable(ctx, k.table, k.entry(args))
		}
		return d.desk.Disable(ctx, k.table, k.entry(args))
	})
}

// newTableRemove makes remove, for the tables on which nothing else depends.
func newTableRemove(k rowKind) *cobra.Command {
	return changeCommand(&cobra.Command{
		Use:     "remove [--config FILE] [--json] " + strings.Join(k.args, " "),
		Short:   "Remove a row",
		Long:    "Remove a row. It is gone; 'disable' keeps it. What relied on it is named." + exitsOfChanges,
		Example: fmt.Sprintf("  postern %s remove %s", k.noun, k.example),
		Args:    cobra.ExactArgs(len(k.args)),
	}, func(ctx context.Context, d *tableDesk, args []string) (admin.Done, error) {
		return d.desk.Remove(ctx, k.table, k.entry(args))
	})
}

// forceFlag adds --force to cmd.
func forceFlag(cmd *cobra.Command, w *admin.Ways, what string) {
	cmd.Flags().BoolVar(&w.Force, "force", false, what)
}

func newDomain() *cobra.Command {
	return newTableCommand(rowKindOf(store.Domains),
		"Administer the hosted domains. Aliases and handles answer at domains with an active row, and nowhere else.",
		newDomainAdd(), newDomainRemove())
}

func newAlias() *cobra.Command {
	k := rowKindOf(store.Aliases)
	return newTableCommand(k, "Administer the aliases: where mail for an address, or for @DOMAIN, goes.",
		newAliasAdd(), newTableRemove(k))
}

func newHandle() *cobra.Command {
	k := rowKindOf(store.Handles)
	return newTableCommand(k, "Administer the handles: a handle is a name that leads to one place at every hosted domain,\nbefore any alias of that name.",
		newHandleAdd(), newTableRemove(k))
}

func newSender() *cobra.Command {
	k := rowKindOf(store.Senders)
	return newTableCommand(k, "Administer who may send as whom: a login of submission may send as a sender that is listed for it.",
		newSenderAdd(), newTableRemove(k))
}
