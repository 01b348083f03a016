// Command configure writes the configuration of a forwarding host from the
// files that this project ships:
//
//	go run ./internal/site/configure --hostname mx.example.org --srs-domain srs.example.org \
//		--operator ops@example.net --database-password-file password --out /tmp/host
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"postern/internal/site"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string, stdout, stderr io.Writer) error {
	var v site.Values
	flags := flag.NewFlagSet("configure", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&v.Hostname, "hostname", "", "name of the host in MX records, such as mx.example.org")
	flags.StringVar(&v.SRSDomain, "srs-domain", "", "domain of rewritten senders, such as srs.example.org")
	flags.StringVar(&v.Operator, "operator", "", "who reads the mail of postmaster and abuse; an address on another host")
	flags.StringVar(&v.TLSChain, "tls", site.Example().TLSChain, "file with the key and the certificates of the host name")
	password := flags.String("database-password-file", "", "file with the password of the database user mailuser")
	debian := flags.Int("debian", 13, "release of Debian: 12 or 13")
	source := flags.String("from", ".", "folder with the shipped postfix, dovecot and opendkim")
	out := flags.String("out", "", "folder to write to; / is this host")
	backup := flags.Bool("backup", false, "replace files that differ, and keep them as NAME.before-postern")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	if *out == "" || *password == "" || flags.NArg() > 0 {
		return fmt.Errorf("configure: --out and --database-password-file are needed: see --help")
	}
	text, err := os.ReadFile(*password)
	if err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	if v.DatabasePassword, err = site.ReadPassword(text); err != nil {
		return err
	}
	files, err := site.Files(os.DirFS(*source), v, *debian)
	if err != nil {
		return err
	}
	written, err := site.Write(*out, files, *backup)
	for _, path := range written {
		fmt.Fprintln(stdout, path)
	}
	if err == nil && len(written) == 0 {
		fmt.Fprintln(stdout, "all files are there as they should be")
	}
	return err
}
