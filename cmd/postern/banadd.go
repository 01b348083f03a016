package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"postern/internal/config"
	"postern/internal/store"
)

// maxBanReason is what the column holds, in characters.
const maxBanReason = 500

// banRequest is the command line of ban add.
type banRequest struct {
	kind, target   string
	lasts, until   string
	reason         string
	replace, force bool
}

func newBanAdd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "add [--config FILE] [--for TIME | --until TIME] [--reason TEXT] [--json] TARGET",
		Short: "Ban a domain, an address, a network or a name",
		Long: "Ban a domain with all below it (example.com), an address (user@example.com), an IP address or\n" +
			"network (192.0.2.0/24), or a name, the part before the @ (--type name newsletter). It holds until it is\n" +
			"revoked, unless --for or --until is given. The reason is part of Postfix's reply. What is banned already\n" +
			"is not banned twice: exit status 1; --replace puts a new ban in its place.",
		Example: "  postern ban add --reason \"spam source\" example.com\n  postern ban add --for 7d 192.0.2.0/24\n  postern ban add --replace --until 2030-01-01T00:00:00Z example.com",
		Args:    cobra.ExactArgs(1),
	}
	path := configFlag(cmd)
	var r banRequest
	cmd.Flags().StringVar(&r.lasts, "for", "", "how `long`: a number and a unit, as in 12h, 7d or 4w")
	cmd.Flags().StringVar(&r.until, "until", "", "until `when`: 2030-01-01T00:00:00Z, or 2030-01-01 (UTC)")
	cmd.Flags().StringVar(&r.reason, "reason", "", "`text` that says why, for the reply and for the list")
	cmd.Flags().StringVar(&r.kind, "type", "", "`what` TARGET is: domain, email, ip or name (guessed if it is not given)")
	cmd.Flags().BoolVar(&r.replace, "replace", false, "revoke the ban in force and add this one in its place")
	cmd.Flags().BoolVar(&r.force, "force", false, "ban even all domains of a public suffix (com, co.uk)")
	asJSON := cmd.Flags().Bool("json", false, "print what was done as an object")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r.target = args[0]
		ban, err := r.ban(time.Now())
		if err != nil {
			return usage("ban: %w", err)
		}
		return withBans(cmd, *path, func(ctx context.Context, desk *banDesk) error {
			desk.asJSON = *asJSON
			return desk.add(ctx, ban, r.replace)
		})
	}
	return cmd
}

// ban is what the command line asks for.
func (r banRequest) ban(now time.Time) (ban store.Ban, err error) {
	if ban.BanTarget, err = parseBanTarget(r.kind, r.target); err != nil {
		return ban, err
	}
	if ban.Kind == "domain" && isPublicSuffix(ban.Value) {
		if !r.force {
			return ban, fmt.Errorf("%s is no one's domain: everybody can register below it (publicsuffix.org): --force bans all of them", ban.Value)
		}
		ban.Value = "*." + ban.Value // without it the policy daemon takes it for a slip
	}
	if ban.Expires, err = banEnd(r.lasts, r.until, now); err != nil {
		return ban, err
	}
	ban.Reason, err = banReason(r.reason)
	return ban, err
}

// banEnd reads --for and --until; zero means without an end.
func banEnd(lasts, until string, now time.Time) (time.Time, error) {
	switch {
	case lasts != "" && until != "":
		return time.Time{}, errors.New("--for and --until: give one of them")
	case lasts != "":
		d, err := config.ParseDuration(lasts)
		if err == nil && d <= 0 {
			err = errors.New("a ban of no time bans nobody")
		}
		if err != nil {
			return time.Time{}, fmt.Errorf("--for: %w", err)
		}
		return now.UTC().Add(d), nil
	case until != "":
		return parseUntil(until, now)
	}
	return time.Time{}, nil
}

func parseUntil(text string, now time.Time) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t, err = time.Parse(time.DateOnly, text)
	}
	switch {
	case err != nil:
		return time.Time{}, fmt.Errorf("--until: %.100q is no time: write 2030-01-01T00:00:00Z, or a date for its first moment in UTC, 2030-01-01", text)
	case !t.After(now):
		return time.Time{}, fmt.Errorf("--until: %s has passed", minute(t))
	}
	return t.UTC(), nil
}

// banReason accepts one line.
func banReason(text string) (string, error) {
	text = strings.TrimSpace(text)
	switch {
	case !utf8.ValidString(text):
		return "", errors.New("--reason: is not UTF-8")
	case strings.ContainsFunc(text, unicode.IsControl):
		return "", errors.New("--reason: has control characters in it: write one line, it is part of a reply")
	case utf8.RuneCountInString(text) > maxBanReason:
		return "", fmt.Errorf("--reason: has %d characters: %d at most", utf8.RuneCountInString(text), maxBanReason)
	}
	return text, nil
}

// add bans, tells the daemons and the user.
func (d *banDesk) add(ctx context.Context, ban store.Ban, replace bool) error {
	added, old, err := d.bans.Add(ctx, ban, replace)
	if errors.Is(err, store.ErrBanned) {
		d.tell(ctx, added.BanTarget) // should they not have heard of it
		return &exitError{exitNo, fmt.Errorf("ban: %s is banned already: --replace changes that", describe(added))}
	}
	if err != nil {
		return banTrouble(d.config, err)
	}
	line := "banned " + describe(added)
	if len(old) > 0 {
		line += ", in place of " + numbers(old)
	}
	d.say(line)
	d.warn(ctx, added)
	d.tell(ctx, targetsOf(append(old, added))...)
	return d.done("added", line, added.ID)
}

// numbers names bans by their numbers.
func numbers(bans []store.Ban) string {
	var list []string
	for _, b := range bans {
		list = append(list, fmt.Sprintf("#%d", b.ID))
	}
	return strings.Join(list, ", ")
}

// targetsOf are the targets of rows, each spelling once.
func targetsOf(bans []store.Ban) []store.BanTarget {
	var targets []store.BanTarget
	for _, b := range bans {
		if !slices.Contains(targets, b.BanTarget) {
			targets = append(targets, b.BanTarget)
		}
	}
	return targets
}

// warn tells whom of our own a ban hits, who may not have been meant.
func (d *banDesk) warn(ctx context.Context, b store.Ban) {
	target := b.Canonical()
	operator := store.BanTarget{Kind: "email", Value: d.config.Operator}.Canonical()
	local, _, _ := strings.Cut(operator.Value, "@")
	switch {
	case d.config.Operator != "" && covers(target, operator):
		d.note("that bans the operator, %s", operator.Value)
	case b.Kind == "name" && (b.Value == local || slices.Contains(d.config.ReservedHandles, b.Value)):
		d.note("that bans %s of every domain of yours, whom the world must be able to reach", b.Value)
	}
	for _, loopback := range []string{"127.0.0.1", "::1"} {
		if covers(target, store.BanTarget{Kind: "ip", Value: loopback}) {
			d.note("that bans mail of this host itself, %s", loopback)
		}
	}
	if b.Kind == "domain" {
		d.warnHosted(ctx, target)
	}
}

// warnHosted names the hosted domains that a domain ban covers.
func (d *banDesk) warnHosted(ctx context.Context, banned store.BanTarget) {
	rows, err := d.store.Rows("domain")
	if err != nil {
		d.note("%v", err)
		return
	}
	var hosted []string
	err = rows.Load(ctx, func(name, active []byte) error {
		if string(active) == "1" && covers(banned, store.BanTarget{Kind: "domain", Value: string(name)}.Canonical()) {
			hosted = append(hosted, string(name))
		}
		return nil
	})
	switch {
	case err != nil:
		d.note("whether it hits a hosted domain is not known: %v", err)
	case len(hosted) > 0:
		slices.Sort(hosted)
		text := printableText(strings.Join(hosted[:min(5, len(hosted))], ", "))
		if more := len(hosted) - 5; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		d.note("that bans what is hosted here: %s", text)
	}
}
