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
	"strings"
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
	if entries == nil {
		entries = []greylist.Entry{} // [] and not null
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
		Use:   "greylist",
		Short: "See who waits in the greylist, and let a sender pass now",
		Long: "See who waits in the greylist of the running policyd, which senders and networks passed, and let\n" +
			"somebody pass now.",
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
		Use:   "list [--config FILE] [--json] [--limit N]",
		Short: "List who waits, who passed, and which networks are trusted",
		Long: "List who waits and until when, who passed, and which networks are trusted and do not wait any more.\n" +
			"The running policyd is asked. Exit status 0: here they are, if there are any; 1: no chain has the check\n" +
			"greylist; 75: no daemon answers.",
		Example: "  postern policy greylist list --limit 50",
		Args:    cobra.NoArgs,
	}
	path := configFlag(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	limit := cmd.Flags().Int("limit", 1000, "list `N` rows at most; 9999 are the most")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *limit < 1 || *limit > mostRows {
			return usage("greylist: --limit %d: write a number from 1 to %d", *limit, mostRows)
		}
		entries, err := greylistRows(cmd.Context(), *path, *limit+1)
		if err != nil {
			return err
		}
		if len(entries) > *limit {
			entries = entries[:*limit]
			defer fmt.Fprintln(cmd.ErrOrStderr(), "there are more: see --limit")
		}
		return printEntries(cmd.OutOrStdout(), entries, *asJSON)
	}
	return cmd
}

// mostRows is what a list can have: one less than the daemon gives.
const mostRows = 9999

// greylistRows asks for rows.
func greylistRows(ctx context.Context, path string, limit int) (entries []greylist.Entry, err error) {
	text, err := askGreylist(ctx, path, http.MethodGet, url.Values{"limit": {strconv.Itoa(limit)}})
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &entries); err != nil {
		return nil, temporary(fmt.Errorf("greylist: %w", err))
	}
	return entries, nil
}

// printEntries writes rows as lines or as JSON.
func printEntries(out io.Writer, entries []greylist.Entry, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(entries)
	}
	for _, e := range entries {
		printEntry(out, e)
	}
	return nil
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
		Long: "Let a client network, or a sender to a recipient, pass now. The client is an address or the domain of a\n" +
			"pool; alone it is trusted as if it had passed often enough. A sender stands for its domain, and a recipient\n" +
			"for where its alias leads: whoever waits from the one to the other passes at the next attempt.\n" +
			"Exit status 0: done; 1: nobody waited, or the daemon refuses; 75: no daemon answers.",
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
			form.Set(name, strings.TrimSuffix(strings.TrimPrefix(*value, "<"), ">"))
		}
		if err := releasable(cmd.Flags().Changed("sender"), form.Get("client"), form.Get("recipient")); err != nil {
			return err
		}
		text, err := askGreylist(cmd.Context(), *path, http.MethodPost, form)
		if err != nil {
			return err
		}
		if _, err := cmd.OutOrStdout().Write(text); err != nil {
			return err
		}
		if form.Get("client") == "" && strings.TrimSpace(string(text)) == "released 0" {
			return no() // nobody waited, and nothing is kept for the next time
		}
		return nil
	}
	return cmd
}

// releasable complains about addresses that do not say who shall pass.
func releasable(sender bool, client, recipient string) error {
	switch {
	case sender == (recipient != "") && (sender || client != ""):
		return nil
	case client == "" && !sender && recipient == "":
		return usage("greylist: nothing is named: give --client, or --sender and --recipient, or all three")
	case sender:
		return usage("greylist: a sender needs a --recipient beside it; --client alone releases a whole network")
	}
	return usage("greylist: a recipient needs a --sender beside it; --sender '<>' is the null sender of bounces")
}

// askGreylist asks the running daemon that has the greylist.
func askGreylist(ctx context.Context, path, method string, values url.Values) ([]byte, error) {
	c, err := config.Load(path)
	if err != nil {
		return nil, err
	}
	var refused error
	for _, name := range []string{"policyd", "serve"} {
		text, err := control(ctx, c.Control, name, method, "/policy/greylist", values)
		if err == nil {
			return text, nil
		}
		if _, away := errors.AsType[*url.Error](err); !away && refused == nil {
			refused = fmt.Errorf("%s: %w", name, err)
		}
	}
	if refused != nil {
		return nil, &exitError{exitNo, refused}
	}
	return nil, temporary(fmt.Errorf("greylist: %w in %s: is it running, and may this user open its socket?", errNoDaemon, c.Control))
}
