package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"strconv"

	"github.com/spf13/cobra"

	"postern/internal/dkim"
)

func newDKIM() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dkim",
		Short: "Keep OpenDKIM's tables and keys with the hosted domains",
		Long: "Keep OpenDKIM's tables and keys with the active rows of table domain, and print the DNS record of\n" +
			"each key. A key that exists is never touched.",
		Example: "  postern dkim sync --dry-run\n  postern dkim sync\n  postern dkim list --check",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usage("say sync or list: see '%s --help'", cmd.CommandPath())
		},
	}
	cmd.AddCommand(newDKIMSync(), newDKIMList())
	return cmd
}

// dkimFlags are those of both commands.
type dkimFlags struct {
	dir, user, resolver *string
	check, json         *bool
}

func newDKIMFlags(cmd *cobra.Command) dkimFlags {
	f := cmd.Flags()
	return dkimFlags{
		dir:      f.String("opendkim", dkim.DefaultDir, "OpenDKIM's `folder`, with KeyTable, SigningTable and keys"),
		user:     f.String("user", "opendkim", "the `user` that OpenDKIM runs as; who is not root makes files of their own"),
		check:    f.Bool("check", false, "ask DNS whether it has the records"),
		resolver: f.String("resolver", "", "DNS server to ask, `HOST:PORT` (default: that of the system)"),
		json:     f.Bool("json", false, "print one JSON document"),
	}
}

// owner is whose the files shall be. Only root can give files away.
func (f dkimFlags) owner() (dkim.Owner, error) {
	if os.Geteuid() != 0 {
		return dkim.Nobody(), nil
	}
	u, err := user.Lookup(*f.user)
	if err != nil {
		return dkim.Owner{}, badConfig(fmt.Errorf("dkim: %w: install OpenDKIM, or say who it runs as with --user", err))
	}
	uid, errUID := strconv.Atoi(u.Uid)
	gid, errGID := strconv.Atoi(u.Gid)
	return dkim.Owner{UID: uid, GID: gid}, errors.Join(errUID, errGID)
}

// dns is who is asked with --check.
func (f dkimFlags) dns() (*net.Resolver, error) {
	server := *f.resolver
	if server == "" {
		return &net.Resolver{PreferGo: true}, nil // getaddrinfo(3) heeds no time limit
	}
	if _, _, err := net.SplitHostPort(server); err != nil {
		return nil, usage("dkim: --resolver %q: write HOST:PORT, as in 127.0.0.1:53", server)
	}
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server)
	}}, nil
}

// ask does what --check says.
func (f dkimFlags) ask(ctx context.Context, domains []dkim.Domain) error {
	if !*f.check {
		return nil
	}
	dns, err := f.dns()
	if err != nil {
		return err
	}
	dkim.Check(ctx, dns, domains)
	return nil
}

// dkimTrouble is the error of a run with its exit status.
func dkimTrouble(err error) error {
	var marks *dkim.MarkError
	wrapped := fmt.Errorf("dkim: %w", err)
	switch {
	case errors.Is(err, dkim.ErrShrink):
		return &exitError{exitNo, fmt.Errorf("%w: if that is meant, say --shrink", wrapped)}
	case errors.Is(err, dkim.ErrOption):
		return usage("%w", wrapped)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.As(err, &marks):
		return badConfig(wrapped)
	}
	return temporary(wrapped)
}

// dkimStatus prints the troubles of domains and makes them an exit status: what
// only DNS failed to tell is temporary.
func dkimStatus(cmd *cobra.Command, domains []dkim.Domain) error {
	status := 0
	for _, d := range domains {
		if d.Trouble == "" {
			continue
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "postern: dkim: %s: %s\n", printableText(d.Name), d.Trouble)
		if d.Published != dkim.Unsure {
			status = exitNo
		} else if status == 0 {
			status = exitTemp
		}
	}
	if status == 0 {
		return nil
	}
	return &exitError{status: status}
}
