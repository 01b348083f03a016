package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"postern/internal/admin"
	"postern/internal/store"
)

// rowKind is a table as the command line knows it.
type rowKind struct {
	table   string
	noun    string   // of the command
	args    []string // what names a row
	columns []string // of the list, between ID and STATE
	example string   // a row
}

func rowKindOf(table string) rowKind {
	switch table {
	case store.Domains:
		return rowKind{table, "domain", []string{"DOMAIN"}, []string{"DOMAIN"}, "example.org"}
	case store.Aliases:
		return rowKind{table, "alias", []string{"ADDRESS"}, []string{"ADDRESS", "GOTO"}, "info@example.org"}
	case store.Handles:
		return rowKind{table, "handle", []string{"HANDLE"}, []string{"HANDLE", "ADDRESS"}, "alice"}
	case store.Senders:
		return rowKind{table, "sender", []string{"LOGIN", "SENDER"}, []string{"LOGIN", "SENDER"}, "alice alice@example.org"}
	}
	return rowKind{store.Users, "user", []string{"NAME"}, []string{"USER", "SCHEME"}, "alice"}
}

// entry is the row that arguments name.
func (k rowKind) entry(args []string) store.Entry {
	value := ""
	if len(args) > 1 {
		value = args[1]
	}
	return admin.RowOf(k.table, args[0], value)
}

// The objects of list --json.
type (
	domainJSON struct {
		ID     uint64 `json:"id"`
		Domain string `json:"domain"`
		Active bool   `json:"active"`
	}
	aliasJSON struct {
		ID      uint64 `json:"id"`
		Address string `json:"address"`
		Goto    string `json:"goto"`
		Active  bool   `json:"active"`
	}
	handleJSON struct {
		ID      uint64 `json:"id"`
		Handle  string `json:"handle"`
		Address string `json:"address"`
		Active  bool   `json:"active"`
	}
	senderJSON struct {
		ID     uint64 `json:"id"`
		Login  string `json:"login"`
		Sender string `json:"sender"`
		Active bool   `json:"active"`
	}
	userJSON struct {
		ID     uint64 `json:"id"`
		User   string `json:"user"`
		Scheme string `json:"scheme"`
		Active bool   `json:"active"`
	}
)

// object is a row for list --json, cells for the table.
func (k rowKind) object(e store.Entry) any {
	switch k.table {
	case store.Domains:
		return domainJSON{e.ID, e.Key, e.Active}
	case store.Aliases:
		return aliasJSON{e.ID, e.Key, e.Value, e.Active}
	case store.Handles:
		return handleJSON{e.ID, e.Key, e.Value, e.Active}
	case store.Senders:
		return senderJSON{e.ID, e.Key, e.Value, e.Active}
	}
	return userJSON{e.ID, e.Key, e.Value, e.Active}
}

func (k rowKind) cells(e store.Entry) []string {
	cells := []string{fmt.Sprintf("#%d", e.ID), e.Key, e.Value}[:len(k.columns)+1]
	if e.Active {
		return append(cells, "active")
	}
	return append(cells, "disabled")
}

// newTableList makes the list command of a table.
func newTableList(k rowKind) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list [--config FILE] [--domain DOMAIN] [--disabled] [--limit N] [--json] [PATTERN]",
		Short: "List the rows of table " + k.table,
		Long: "List the rows of table " + k.table + ", sorted, active and disabled ones. PATTERN is a part of what stands in\n" +
			"a row, or with * and ? a whole one. On a terminal long texts are cut to its width; a pipe gets them whole.\n" +
			"Exit status 1: none matches PATTERN, --domain or --disabled. An empty table is no failure: 0.",
		Example: fmt.Sprintf("  postern %s list\n  postern %s list --domain example.org --json\n  postern %s list --disabled '*spam*'", k.noun, k.noun, k.noun),
		Args:    cobra.MaximumNArgs(1),
	}
	path := configFlag(cmd)
	var f admin.Filter
	cmd.Flags().StringVar(&f.Domain, "domain", "", "rows about this `domain` only")
	cmd.Flags().BoolVar(&f.Inactive, "disabled", false, "disabled rows only")
	cmd.Flags().IntVar(&f.Limit, "limit", 0, "at most that many `rows`; 0: all")
	asJSON := cmd.Flags().Bool("json", false, "print an array of objects")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		matches, err := banPattern(args)
		if err != nil {
			return usage("%s: %w", k.noun, err)
		}
		if f.Limit < 0 {
			return usage("%s: --limit %d: a number of rows, 0 for all", k.noun, f.Limit)
		}
		if len(args) > 0 {
			f.Match = matches
		}
		return withTables(cmd, *path, func(d *tableDesk) error { return d.list(cmd, k, f, *asJSON) })
	}
	return cmd
}

// list prints the rows that pass a filter, as they are read.
func (d *tableDesk) list(cmd *cobra.Command, k rowKind, f admin.Filter, asJSON bool) error {
	columns := append(append([]string{"ID"}, k.columns...), "STATE")
	l := newListing(d.out, asJSON, columns...)
	var broken error
	more, err := d.desk.List(cmd.Context(), k.table, f, func(e store.Entry) error {
		broken = l.add(k.object(e), k.cells(e)...)
		return broken
	})
	if err != nil && broken == nil {
		l.flush() // what was read before
		l.out.Flush()
		return d.failed(err)
	}
	if broken == nil {
		broken = l.end()
	}
	switch {
	case broken != nil:
		return temporary(fmt.Errorf("%s: print: %w", d.command, broken))
	case more:
		fmt.Fprintf(d.err, "postern: note: there are more than %d: --limit 0 lists all\n", f.Limit)
	case l.rows == 0 && (f.Match != nil || f.Domain != "" || f.Inactive):
		return no()
	}
	return nil
}
