package main

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/lookup"
	"postern/internal/store"
)

func newBanList() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list [--config FILE] [--all] [--type TYPE] [--json] [PATTERN]",
		Short: "List the bans in force",
		Long: "List the bans in force, or with --all those that are over and those that were revoked, too.\n" +
			"PATTERN is a part of the target, or with * and ? a whole one. Exit status 1: none matches it, or\n" +
			"--type. To have no bans at all is no failure: 0.",
		Example: "  postern ban list\n  postern ban list --all --type ip '192.0.2.*'\n  postern ban list --json example.com",
		Args:    cobra.MaximumNArgs(1),
	}
	file := configFlag(cmd)
	all := cmd.Flags().Bool("all", false, "expired and revoked ones, too")
	kind := cmd.Flags().String("type", "", "only this `type`: domain, email, ip or name")
	asJSON := cmd.Flags().Bool("json", false, "print an array of objects")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *kind != "" && !isBanKind(*kind) {
			return usage("ban: %w", errBanKind(*kind))
		}
		matches, err := banPattern(args)
		if err != nil {
			return usage("ban: %w", err)
		}
		return withBans(cmd, *file, func(ctx context.Context, desk *banDesk) error {
			bans, err := desk.bans.List(ctx, *kind, *all)
			if err != nil {
				return banTrouble(desk.config, err)
			}
			bans = slices.DeleteFunc(bans, func(b store.Ban) bool { return !matches(b.Value) })
			if err := desk.print(bans, *all, *asJSON); err != nil {
				return temporary(fmt.Errorf("ban: print: %w", err))
			}
			if len(bans) == 0 && (len(args) > 0 || *kind != "") {
				return no()
			}
			return nil
		})
	}
	return cmd
}

// banPattern tells which targets are meant.
func banPattern(args []string) (func(value string) bool, error) {
	if len(args) == 0 {
		return func(string) bool { return true }, nil
	}
	pattern := lookup.Fold(args[0])
	if !strings.ContainsAny(pattern, "*?") {
		return func(value string) bool { return strings.Contains(lookup.Fold(value), pattern) }, nil
	}
	// A network's slash is a character like any other.
	pattern = strings.ReplaceAll(pattern, "/", "\x00")
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, fmt.Errorf("pattern %.200q: write * for any characters, ? for one, [a-z] for one of several", args[0])
	}
	return func(value string) bool {
		ok, _ := path.Match(pattern, strings.ReplaceAll(lookup.Fold(value), "/", "\x00")) // the pattern is well formed
		return ok
	}, nil
}

// print prints a table or JSON; with state the table tells which are not in
// force.
func (d *banDesk) print(bans []store.Ban, state, asJSON bool) error {
	columns := []string{"ID", "TYPE", "TARGET", "UNTIL", "AGE", "STATE", "REASON"}
	if !state {
		columns = slices.Delete(columns, 5, 6)
	}
	l := newListing(d.out, asJSON, columns...)
	for _, b := range bans {
		cells := []string{fmt.Sprintf("#%d", b.ID), b.Kind, b.Value, orDash(minute, b.Expires), age(b.Created, d.now)}
		if state {
			cells = append(cells, describeState(b, d.now))
		}
		if err := l.add(banObject(b, d.now), append(cells, cmp.Or(b.Reason, "-"))...); err != nil {
			return err
		}
	}
	return l.end()
}

// orDash prints a time; "-" for the zero time.
func orDash(print func(time.Time) string, t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return print(t)
}

// age is how long ago something was, in its largest unit.
func age(t, now time.Time) string {
	d := now.Sub(t)
	switch {
	case t.IsZero():
		return "-"
	case d < time.Minute: // a clock that is ahead included
		return fmt.Sprintf("%ds", max(0, int(d.Seconds())))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// banState is in one word what became of a ban.
func banState(b store.Ban, now time.Time) string {
	switch {
	case b.Active(now):
		return "active"
	case !b.Revoked.IsZero():
		return "revoked"
	}
	return "expired"
}

func describeState(b store.Ban, now time.Time) string {
	text := banState(b, now)
	if text == "revoked" {
		text += " " + minute(b.Revoked)
		if b.RevokedReason != "" {
			text += " (" + b.RevokedReason + ")"
		}
	}
	return text
}

// banJSON is a row of ban list --json. Times are RFC 3339, in UTC.
type banJSON struct {
	ID            uint64     `json:"id"`
	Type          string     `json:"type"`
	Target        string     `json:"target"`
	State         string     `json:"state"`
	Reason        string     `json:"reason"`
	Created       *time.Time `json:"created"`
	Expires       *time.Time `json:"expires"`
	Revoked       *time.Time `json:"revoked"`
	RevokedReason string     `json:"revoked_reason"`
}

func banObject(b store.Ban, now time.Time) banJSON {
	return banJSON{
		ID: b.ID, Type: b.Kind, Target: b.Value, State: banState(b, now), Reason: b.Reason,
		Created: orNull(b.Created), Expires: orNull(b.Expires), Revoked: orNull(b.Revoked), RevokedReason: b.RevokedReason,
	}
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
