package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"postern/internal/dkim"
)

func newDKIMList() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list [--opendkim DIR] [--check] [--json]",
		Short: "List what OpenDKIM signs, and with which keys",
		Long: "List the lines of SigningTable with their keys, those of other hands too, and the keys that no line\n" +
			"uses. The database is not asked.\n\n" +
			"Exit status 1: a key cannot be used, or (--check) a record is not published.",
		Example: "  postern dkim list\n  postern dkim list --check --resolver 192.0.2.53:53\n  postern dkim list --json",
		Args:    cobra.NoArgs,
	}
	flags := newDKIMFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		owner, err := flags.owner()
		if err != nil {
			return err
		}
		domains, err := dkim.List(*flags.dir, owner)
		if err != nil {
			return dkimTrouble(err)
		}
		if err := flags.ask(cmd.Context(), domains); err != nil {
			return err
		}
		if err := printDKIMList(cmd.OutOrStdout(), domains, flags); err != nil {
			return temporary(fmt.Errorf("dkim: print: %w", err))
		}
		return dkimStatus(cmd, domains)
	}
	return cmd
}

func printDKIMList(w io.Writer, domains []dkim.Domain, flags dkimFlags) error {
	out := bufio.NewWriter(w)
	if *flags.json {
		if err := encodeJSON(out, dkimRows(domains)); err != nil {
			return err
		}
		return out.Flush()
	}
	if len(domains) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "DOMAIN\tSTATE\tSELECTOR\tBITS\tDNS\tKEY")
	for _, d := range domains {
		bits := "-"
		if d.Bits > 0 {
			bits = strconv.Itoa(d.Bits)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", printableText(d.Name), d.State,
			cmp.Or(printableText(d.Selector), "-"), bits, cmp.Or(string(d.Published), "-"), cmp.Or(printableText(d.KeyFile), "-"))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return out.Flush()
}

// dkimSyncJSON is what dkim sync --json prints.
type dkimSyncJSON struct {
	Selector string     `json:"selector"`
	DryRun   bool       `json:"dry_run"`
	Changed  []string   `json:"changed"` // reload OpenDKIM if there is one
	Dropped  []string   `json:"dropped"`
	Domains  []dkimJSON `json:"domains"`
}

// dkimJSON is a domain, in sync and in list.
type dkimJSON struct {
	Domain    string      `json:"domain"`
	State     string      `json:"state"`
	Selector  string      `json:"selector"`
	KeyFile   string      `json:"key_file"`
	Bits      int         `json:"bits"`
	New       bool        `json:"new"`
	Record    *recordJSON `json:"record"`
	Published *string     `json:"published"`
	Trouble   string      `json:"trouble"`
}

// recordJSON is a TXT record: the strings are what a zone file has in quotes.
type recordJSON struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"`
	Strings []string `json:"strings"`
}

func printSyncJSON(out io.Writer, r *dkim.Report, dry bool) error {
	return encodeJSON(out, dkimSyncJSON{
		Selector: r.Selector, DryRun: dry, Changed: append([]string{}, r.Changed...),
		Dropped: append([]string{}, r.Dropped...), Domains: dkimRows(r.Domains),
	})
}

func dkimRows(domains []dkim.Domain) []dkimJSON {
	rows := []dkimJSON{}
	for _, d := range domains {
		row := dkimJSON{
			Domain: d.Name, State: string(d.State), Selector: d.Selector, KeyFile: d.KeyFile,
			Bits: d.Bits, New: d.Made, Trouble: d.Trouble,
		}
		if d.Record.Name != "" {
			row.Record = &recordJSON{Name: d.Record.Name, Type: "TXT", Strings: d.Record.Strings()}
		}
		if d.Published != "" {
			published := string(d.Published)
			row.Published = &published
		}
		rows = append(rows, row)
	}
	return rows
}
