package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"postern/internal/config"
	"postern/internal/lookup"
	"postern/srsd"
)

func newSRSCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "srs",
		Short:   "Rewrite one address, turn one back, or change the secret",
		Long:    "Rewrite one address, turn one back, or change the secret, with the secrets and the store of the\nsrsd block. Exit status 0: yes; 1: the address stays as it is, and the reason is on stderr; 75: trouble.",
		Example: "  postern srs forward friend@example.net\n  postern srs reverse SRS0=zJY8=2W=example.net=friend@srs.example.org\n  postern srs rotate",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usage("say forward, reverse or rotate: see '%s --help'", cmd.CommandPath())
		},
	}
	cmd.AddCommand(
		newSRSLookup("forward", srsd.MapForward, "Print what an envelope sender is rewritten to",
			"It is asked of the secrets and the store, not of the running daemon. Senders that are local stay.", "friend@example.net"),
		newSRSLookup("reverse", srsd.MapReverse, "Print whom an SRS address stands for",
			"An address that is forged, expired or not of our domain stands for nobody.", "SRS0=zJY8=2W=example.net=friend@srs.example.org"),
		newSRSRotate(),
	)
	return cmd
}

func newSRSLookup(name, mapName, short, more, example string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     name + " [--config FILE] ADDRESS",
		Short:   short,
		Long:    short + ".\n" + more + "\nExit status 0: it is printed; 1: the address stays as it is, and the reason is on stderr; 75: trouble.",
		Example: "  postern srs " + name + " " + example,
		Args:    cobra.ExactArgs(1),
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("%w: write -- before an address that begins with a hyphen, or see '%s --help'", err, cmd.CommandPath())
	})
	path := configFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, cancel := context.WithTimeout(cmd.Context(), queryTimeout)
		defer cancel()
		return printed("srs", cmd.OutOrStdout(), func(out io.Writer) error {
			return srsLookup(ctx, out, cmd.ErrOrStderr(), *path, mapName, args[0])
		})
	}
	return cmd
}

// srsLookup asks one SRS map with the secrets of the configuration.
func srsLookup(ctx context.Context, stdout, stderr io.Writer, path, name, address string) error {
	c, err := loadSRS(path)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	w, err := newWorks(role{name: "srsd"}, c, prometheus.NewRegistry(), log)
	if err != nil {
		return err
	}
	defer w.pools.Close()
	a, err := assemble(ctx, c, w, nil)
	if err != nil {
		return err
	}
	defer a.retire(nil)
	value, found, err := a.set[name].Lookup(ctx, address)
	switch {
	case lookup.IsPermanent(err):
		return &exitError{status: exitNo, err: fmt.Errorf("srs: %.200q: %w", address, err)}
	case err != nil:
		return temporary(err)
	case !found:
		return &exitError{status: exitNo, err: fmt.Errorf("srs: %.200q stays as it is: %s", address, value)}
	}
	fmt.Fprintln(stdout, value)
	return nil
}

// loadSRS reads a configuration that has an srsd block.
func loadSRS(path string) (*config.Config, error) {
	c, err := config.Load(path)
	if err != nil {
		return nil, err
	}
	if c.SRSD == nil {
		return nil, badConfig(fmt.Errorf("%s: no SRS is configured: add an srsd block with domain and secrets_file", path))
	}
	return c, nil
}

func newSRSRotate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rotate [--config FILE | --file SECRETS] [--from DATE]",
		Short: "Add a new secret to the secrets file",
		Long: "Add a new secret to the secrets file of the srsd block. It verifies from the next reload of each host\n" +
			"and signs from DATE (UTC), tomorrow by default, so that every host knows it before one signs with it.\n" +
			"The old secret verifies for 22 days more and then retires by itself. A file that is missing is made.",
		Example: "  postern srs rotate\n  postern srs rotate --from 2027-01-01",
		Args:    cobra.NoArgs,
	}
	path := configFlag(cmd)
	secrets := cmd.Flags().String("file", "", "secrets `file`, where no configuration is at hand")
	from := cmd.Flags().String("from", "", "first `date` (YYYY-MM-DD, UTC) on which the new secret signs")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		again := "reload (SIGHUP)"
		if *secrets == "" {
			c, err := loadSRS(*path)
			if err != nil {
				return err
			}
			if *secrets, err = c.SRSD.SecretsPath(); err != nil {
				return badConfig(c.At("srsd.secrets_file", err))
			}
			if strings.HasPrefix(c.SRSD.SecretsFile, "credential:") {
				again = "restart"
			}
		}
		return srsRotate(cmd.OutOrStdout(), cmd.ErrOrStderr(), *secrets, *from, again)
	}
	return cmd
}

// srsRotate rotates and says what is to be done next. Again is how a daemon reads
// the file: what systemd passes stays as it is until a restart.
func srsRotate(stdout, stderr io.Writer, path, date, again string) error {
	clock, err := clock("POSTERN_FAKETIME", slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	now := clock()
	from := now.AddDate(0, 0, 1)
	if date != "" {
		if from, err = time.Parse(time.DateOnly, date); err != nil {
			return usage("--from %q is no date: write YYYY-MM-DD", date)
		}
		if today := now.UTC().Format(time.DateOnly); date < today {
			return usage("--from %s has passed: a new secret signs today (%s, UTC) at the earliest", date, today)
		}
	}
	r, err := srsd.Rotate(path, from, now)
	if err != nil {
		return badConfig(err)
	}
	for i, slot := range r.Slots {
		fmt.Fprintf(stdout, "%s line %d: %s %s\n", path, i+1, slot.Fingerprint, duty(slot, now))
	}
	if r.Retired > 0 {
		fmt.Fprintf(stdout, "%d retired and dropped\n", r.Retired)
	}
	if first := r.Slots[0]; first.State == srsd.Verifies {
		fmt.Fprintf(stdout, "Copy the file to every host and %s before %s 00:00 UTC.\n", again, first.From.Format(time.DateOnly))
	} else {
		fmt.Fprintf(stdout, "It signs from the next %s: copy the file to every host at once.\n", again)
	}
	return nil
}

// duty is what a secret does, and when it signs.
func duty(slot srsd.Slot, now time.Time) string {
	day := slot.From.Format(time.DateOnly)
	switch {
	case slot.From.IsZero():
		return string(slot.State)
	case slot.From.After(now):
		return fmt.Sprintf("%s, will sign from %s", slot.State, day)
	case slot.State == srsd.Signs:
		return fmt.Sprintf("%s since %s", slot.State, day)
	}
	return fmt.Sprintf("%s, signed from %s", slot.State, day)
}

// errOneOf says that a daemon has one configuration.
var errOneOf = errors.New("--config, -C and --defaults: give one of them")
