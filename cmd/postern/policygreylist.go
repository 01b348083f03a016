package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/config"
	"postern/policyd/greylist"
)

// errNoGreylist is what a daemon without that check says.
var errNoGreylist = errors.New("no chain of this daemon has the check greylist")

func (s *service) serveGreylist(w http.ResponseWriter, r *http.Request) {
	check := s.greylist()
	if check == nil {
		http.Error(w, errNoGreylist.Error(), http.StatusNotFound)
		return
	}
	limit, _ := strconv.Atoi(r.FormValue("limit")) // 0 is the default
	entries, err := check.Entries(r.Context(), limit)
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(entries) // the peer is gone, then
}

func (s *service) serveRelease(w http.ResponseWriter, r *http.Request) {
	check := s.greylist()
	if check == nil {
		http.Error(w, errNoGreylist.Error(), http.StatusNotFound)
		return
	}
	n, err := check.Release(r.Context(), r.FormValue("client"), r.FormValue("sender"), r.FormValue("recipient"))
	reply(w, fmt.Sprintf("released %d", n), err)
}

// greylist is the check of the configuration in force, or nil.
func (s *service) greylist() *greylist.Check {
	p := s.current.Load().policy
	if p == nil {
		return nil
	}
	return p.greylist
}

func newPolicyGreylist() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "greylist list|release",
		Short:   "See who waits in the greylist, and let a sender pass now",
		Example: "  postern policy greylist list\n  postern policy greylist release --client 192.0.2.1",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usage("say list or release: see '%s --help'", cmd.CommandPath())
		},
	}
	cmd.AddCommand(newGreylistList(), newGreylistRelease())
	return cmd
}

func newGreylistList() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list [--config FILE] [--json] [--limit N]",
		Short:   "List who waits, who passed, and which networks are trusted",
		Example: "  postern policy greylist list --limit 50",
		Args:    cobra.NoArgs,
	}
	path := configFlag(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	limit := cmd.Flags().Int("limit", 1000, "list `N` rows at most")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		text, err := askGreylist(cmd.Context(), *path, http.MethodGet, url.Values{"limit": {strconv.Itoa(*limit)}})
		if err != nil {
			return err
		}
		if *asJSON {
			_, err := cmd.OutOrStdout().Write(text)
			return err
		}
		var entries []greylist.Entry
		if err := json.Unmarshal(text, &entries); err != nil {
			return temporary(fmt.Errorf("greylist: %w", err))
		}
		for _, e := range entries {
			printEntry(cmd.OutOrStdout(), e)
		}
		return nil
	}
	return cmd
}

// printEntry writes one row: who, since when, and how it stands.
func printEntry(w io.Writer, e greylist.Entry) {
	stands := "waits until " + e.PassAt.UTC().Format(time.DateTime)
	switch {
	case e.Recipient == "":
		stands = fmt.Sprintf("%d messages passed, last at %s", e.Count, e.LastPass.UTC().Format(time.DateTime))
	case e.Passed:
		stands = "passed, last at " + e.LastPass.UTC().Format(time.DateTime)
	}
	if e.Recipient == "" {
		fmt.Fprintf(w, "%-24q %s\n", e.Group, stands)
		return
	}
	fmt.Fprintf(w, "%-24q sender domain %q, for %q: %s\n", e.Group, e.Sender, e.Recipient, stands)
}

func newGreylistRelease() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "release [--config FILE] [--client ADDRESS] [--sender ADDRESS --recipient ADDRESS]",
		Short: "Let a client network, or a sender to a recipient, pass now",
		Example: "  postern policy greylist release --client 192.0.2.1\n" +
			"  postern policy greylist release --sender a@example.com --recipient info@example.org",
		Args: cobra.NoArgs,
	}
	path := configFlag(cmd)
	values := map[string]*string{}
	for _, name := range []string{"client", "sender", "recipient"} {
		values[name] = cmd.Flags().String(name, "", "`address` of the "+name)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		form := url.Values{}
		for name, value := range values {
			form.Set(name, *value)
		}
		text, err := askGreylist(cmd.Context(), *path, http.MethodPost, form)
		if err == nil {
			_, err = cmd.OutOrStdout().Write(text)
		}
		return err
	}
	return cmd
}

// askGreylist asks the running daemon that has the greylist.
func askGreylist(ctx context.Context, path, method string, values url.Values) ([]byte, error) {
	c, err := config.Load(path)
	if err != nil {
		return nil, err
	}
	failed := fmt.Errorf("%w in %s", errNoDaemon, c.Control)
	for _, name := range []string{"policyd", "serve"} {
		text, err := control(ctx, c.Control, name, method, "/policy/greylist", values)
		if err == nil {
			return text, nil
		}
		if _, refused := errors.AsType[*url.Error](err); !refused {
			failed = fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil, temporary(fmt.Errorf("greylist: %w", failed))
}
