package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"postern/internal/store"
)

func newBanRevoke() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "revoke [--config FILE] [--reason TEXT] [--json] TARGET|ID",
		Aliases: []string{"remove"},
		Short:   "Revoke a ban",
		Long: "Revoke the bans of a target that are in force, or the one with that number (42 or '#42').\n" +
			"The row stays, with the time and the reason. Exit status 1: it is not banned.",
		Example: "  postern ban revoke example.com\n  postern ban revoke --reason \"they called\" 42",
		Args:    cobra.ExactArgs(1),
	}
	path := configFlag(cmd)
	reason := cmd.Flags().String("reason", "", "`text` that says why, for the list")
	kind := cmd.Flags().String("type", "", "`what` TARGET is: domain, email, ip or name (guessed if it is not given)")
	asJSON := cmd.Flags().Bool("json", false, "print what was done as an object")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		why, err := banReason(*reason)
		if err != nil {
			return usage("ban: %w", err)
		}
		if id, ok := banNumber(*kind, args[0]); ok {
			return withBans(cmd, *path, func(ctx context.Context, d *banDesk) error {
				d.asJSON = *asJSON
				bans, err := d.bans.RevokeID(ctx, id, why)
				return d.revoked(ctx, store.BanTarget{}, fmt.Sprintf("#%d", id), bans, err)
			})
		}
		target, err := parseBanTarget(*kind, args[0])
		if err != nil {
			return usage("ban: %w", err)
		}
		return withBans(cmd, *path, func(ctx context.Context, d *banDesk) error {
			d.asJSON = *asJSON
			bans, err := d.bans.Revoke(ctx, target, why)
			return d.revoked(ctx, target, target.Kind+" "+target.Value, bans, err)
		})
	}
	return cmd
}

// banNumber reads the number of a row, 42 or #42.
func banNumber(kind, text string) (uint64, bool) {
	id, err := strconv.ParseUint(strings.TrimPrefix(text, "#"), 10, 63)
	return id, err == nil && kind == ""
}

// revoked tells the daemons and the user what became of a revocation.
func (d *banDesk) revoked(ctx context.Context, target store.BanTarget, what string, bans []store.Ban, err error) error {
	var lines []string
	switch {
	case errors.Is(err, store.ErrNotBanned):
		d.asJSON = false // nothing was done
		err = &exitError{exitNo, fmt.Errorf("ban: %s: no such ban is in force: 'postern ban list --all' shows what was", what)}
	case err != nil:
		return banTrouble(d.config, err)
	default:
		target = bans[0].Canonical()
		for _, b := range bans {
			lines = append(lines, "revoked the ban of "+describe(b))
			d.say(lines[len(lines)-1])
		}
		d.tell(ctx, targetsOf(bans)...)
	}
	d.noteCovering(ctx, target)
	if err != nil {
		return err
	}
	return d.done("revoked", strings.Join(lines, "; "), bans[0].ID)
}

// noteCovering names the bans that hit a target still.
func (d *banDesk) noteCovering(ctx context.Context, target store.BanTarget) {
	if target.Kind == "" {
		return
	}
	bans, err := d.bans.List(ctx, "", false)
	if err != nil {
		d.note("whether another ban hits it is not known: %v", err)
	}
	for _, b := range bans {
		if covers(b.Canonical(), target) {
			d.note("it stays banned by %s", describe(b))
		}
	}
}
