package main

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"postern/internal/config"
	"postern/internal/dkim"
)

func newDKIMSync() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sync [--config FILE] [--opendkim DIR] [--selector NAME] [--bits N] [--dry-run | --keys-only] [--check] [--json]",
		Short: "Write KeyTable and SigningTable, and make missing keys",
		Long: "Write KeyTable and SigningTable for the active rows of table domain, make the keys that are missing,\n" +
			"and print the DNS record of each domain, in the form of a zone file. Lines of the tables that it did\n" +
			"not write are kept, and a domain that one of them signs for already is left to it. A domain that is\n" +
			"no longer active loses its lines and keeps its key. OpenDKIM is not reloaded.\n\n" +
			"The selector is remembered in the tables. To change it, make the keys first (--keys-only), publish\n" +
			"their records, and sync without that once --check finds them.\n\n" +
			"Exit status 1: a domain was refused, a key cannot be used, or (--check) a record is not published.",
		Example: "  postern dkim sync\n  postern dkim sync --check\n  postern dkim sync --selector s2027 --keys-only",
		Args:    cobra.NoArgs,
	}
	file := configFlag(cmd)
	flags := newDKIMFlags(cmd)
	var o dkim.Options
	f := cmd.Flags()
	f.StringVar(&o.Selector, "selector", "", "`name` of the keys (default: that of the last run, else \""+dkim.DefaultSelector+"\")")
	f.IntVar(&o.Bits, "bits", dkim.DefaultBits, "`size` of new keys: 1024, 2048, 3072 or 4096")
	f.BoolVar(&o.DryRun, "dry-run", false, "change nothing")
	f.BoolVar(&o.KeysOnly, "keys-only", false, "make keys, and leave the tables as they are")
	f.BoolVar(&o.Shrink, "shrink", false, "go on although more than half of the signed domains are gone")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if o.DryRun && o.KeysOnly {
			return usage("dkim: --dry-run makes no keys, --keys-only does: take one of them")
		}
		return syncDKIM(cmd, *file, flags, o)
	}
	return cmd
}

// syncDKIM makes keys and tables for the active domains, and prints the records.
func syncDKIM(cmd *cobra.Command, file string, flags dkimFlags, o dkim.Options) (err error) {
	o.Dir = *flags.dir
	if _, err := flags.dns(); err != nil {
		return err
	}
	if o.Owner, err = flags.owner(); err != nil {
		return err
	}
	names, err := activeDomains(cmd, file)
	if err != nil {
		return err
	}
	report, err := dkim.Sync(cmd.Context(), o, names)
	if err != nil {
		return dkimTrouble(err)
	}
	if err := flags.ask(cmd.Context(), report.Domains); err != nil {
		return err
	}
	if err := printSync(cmd, report, o, *flags.json); err != nil {
		return temporary(fmt.Errorf("dkim: print: %w", err))
	}
	return dkimStatus(cmd, report.Domains)
}

// activeDomains reads the table domain. Names come in small letters, as every
// lookup has them.
func activeDomains(cmd *cobra.Command, path string) (names []string, err error) {
	ctx, cancel := context.WithTimeout(cmd.Context(), queryTimeout)
	defer cancel()
	c, err := config.Load(path)
	if err != nil {
		return nil, err
	}
	s, err := openAdministration(c, path, cmd.ErrOrStderr())
	if err != nil {
		return nil, err
	}
	defer s.Close()
	rows, err := s.Rows("domain")
	if err != nil {
		return nil, err
	}
	err = rows.Load(ctx, func(name, active []byte) error {
		if string(active) == "1" {
			names = append(names, string(name))
		}
		return nil
	})
	if err != nil {
		return nil, temporary(fmt.Errorf("dkim: %w", err))
	}
	return names, nil
}

func printSync(cmd *cobra.Command, r *dkim.Report, o dkim.Options, asJSON bool) error {
	out := bufio.NewWriter(cmd.OutOrStdout())
	if asJSON {
		if err := printSyncJSON(out, r, o.DryRun); err != nil {
			return err
		}
		return out.Flush()
	}
	for _, d := range r.Domains {
		printZone(out, d, o.DryRun)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	noteSync(cmd, r, o.DryRun)
	return nil
}

// printZone prints a domain as part of a zone file; what is no record is a
// comment there.
func printZone(out *bufio.Writer, d dkim.Domain, dry bool) {
	switch {
	case d.State == dkim.Refused:
		return // in the troubles
	case d.Made && dry:
		fmt.Fprintf(out, "; %s: would make %s\n", d.Name, d.KeyFile)
	case d.Made:
		fmt.Fprintf(out, "; %s: new key %s, %d bits\n", d.Name, d.KeyFile, d.Bits)
	case d.State == dkim.Left:
		fmt.Fprintf(out, "; %s: left to a line that is not postern's, key %s\n", d.Name, printableText(d.KeyFile))
	default:
		fmt.Fprintf(out, "; %s: key %s, %d bits\n", d.Name, d.KeyFile, d.Bits)
	}
	if d.Record.Name != "" {
		fmt.Fprintln(out, d.Record.Zone())
	}
}

// noteSync says what is left to do.
func noteSync(cmd *cobra.Command, r *dkim.Report, dry bool) {
	note := func(format string, args ...any) {
		fmt.Fprintf(cmd.ErrOrStderr(), "postern: note: "+format+"\n", args...)
	}
	verb := "changed"
	if dry {
		verb = "would change"
	}
	for _, name := range r.Dropped {
		note("%s is not active: no longer signed; its key stays", printableText(name))
	}
	if len(r.Changed) == 0 {
		return
	}
	note("%s %s", verb, strings.Join(r.Changed, " and "))
	if !dry {
		note("OpenDKIM reads them when told to: systemctl reload opendkim")
	}
}
