package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"postern/internal/config"
	"postern/internal/lookup"
	"postern/internal/migrate"
)

// migration is the command line of migrate.
type migration struct {
	options migrate.Options
	prepare bool // write the files, leave Postfix alone
	apply   bool
	accept  bool
	keys    int
	logs    []string
}

func newMigrate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate --postfix DIR [--apply]",
		Short: "Move from mysql: tables and PostSRSd to postern, and back",
		Long: "Read main.cf, master.cf, the mysql: tables that they name and PostSRSd's settings, and print the\n" +
			"postern.yaml for them, the lines for the switch and the lines for the way back. Both sides are asked\n" +
			"the same keys, from the tables and from mail logs, and what they answer differently is listed with the\n" +
			"reason. --prepare then writes postern.yaml, so that postern can be started; --apply switches Postfix, too.\n" +
			"What was there is kept under another name. Nothing is started or reloaded.\n" +
			"Exit status 1: it was refused because of differences without a known reason.",
		Example: "  postern migrate --postfix /etc/postfix\n  postern migrate --postfix /etc/postfix --log /var/log/mail.log --prepare\n  postern migrate --postfix /etc/postfix --apply",
		Args:    cobra.NoArgs,
	}
	var m migration
	flags := cmd.Flags()
	flags.StringVar(&m.options.Dir, "postfix", "", "Postfix's configuration `directory`")
	flags.StringVar(&m.options.Config, "config", config.DefaultFile, "the postern.yaml `file` to write")
	flags.StringVar(&m.options.Defaults, "postsrsd-defaults", "", "`file` with the settings of PostSRSd 1.x (default: /etc/default/postsrsd, if main.cf asks it)")
	flags.StringVar(&m.options.PostSRSd, "postsrsd", "", "`file` with the settings of PostSRSd 2.x (default: /etc/postsrsd.conf, if main.cf asks it)")
	flags.StringVar(&m.options.Operator, "operator", "", "`address` that postmaster and abuse of hosted domains reach")
	flags.BoolVar(&m.options.ThisInstance, "this-instance", false, "migrate DIR alone although it leads other Postfix instances")
	flags.StringArrayVar(&m.logs, "log", nil, "mail `log` whose addresses are asked, too; - is standard input; may be repeated")
	flags.IntVar(&m.keys, "keys", 100_000, "ask at most `N` keys of each map, spread evenly; 0: all")
	flags.BoolVar(&m.prepare, "prepare", false, "write postern.yaml and the secrets, and leave main.cf and master.cf alone")
	flags.BoolVar(&m.apply, "apply", false, "write the files, and switch main.cf and master.cf")
	flags.BoolVar(&m.accept, "accept-differences", false, "apply even if answers differ without a known reason")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if m.keys < 0 {
			return usage("--keys %d: write how many keys are asked at most, or 0 for all", m.keys)
		}
		if m.options.Dir == "" {
			return usage("migrate needs --postfix DIR, such as --postfix /etc/postfix")
		}
		return m.run(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	return cmd
}

// run reads, plans, compares and perhaps applies.
func (m *migration) run(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error {
	out := &checkedWriter{to: stdout}
	source, err := migrate.Read(ctx, m.options)
	if err != nil {
		return badConfig(fmt.Errorf("migrate: %w", err))
	}
	plan, err := source.Plan(nil)
	if err != nil {
		return badConfig(fmt.Errorf("migrate: %w", err))
	}
	if plan.Empty() {
		printNotes(out, source.Warnings(), plan.Notes)
		fmt.Fprintf(out, "nothing to do: %s names no table that postern could take over\n", m.options.Dir)
		return out.trouble("migrate: nothing was changed")
	}
	keys, err := plan.CollectKeys(ctx, m.keys, m.logs, stdin)
	if err != nil {
		return temporary(fmt.Errorf("migrate: %w", err))
	}
	if plan, err = source.Plan(keys.Reserved); err != nil {
		return badConfig(fmt.Errorf("migrate: %w", err))
	}
	printPlan(out, plan)
	printNotes(out, source.Warnings(), plan.Notes)
	found, err := m.compare(ctx, plan, keys, stderr)
	if err != nil {
		return temporary(fmt.Errorf("migrate: nothing was changed: %w", err))
	}
	printComparison(out, found)
	if err := out.trouble("migrate: nothing was changed"); err != nil { // who has not seen the way back does not go
		return err
	}
	if !m.apply && !m.prepare {
		return nil
	}
	if found.Unexplained > 0 && !m.accept {
		fmt.Fprintf(stderr, "postern: migrate: nothing was changed: %d answers differ without a known reason; --accept-differences applies all the same\n", found.Unexplained)
		return no()
	}
	return m.write(ctx, plan, out)
}

// write changes the files, and says what comes next.
func (m *migration) write(ctx context.Context, plan *migrate.Plan, out *checkedWriter) error {
	var backups []string
	var err error
	if m.apply {
		backups, err = plan.Apply(ctx, time.Now())
	} else {
		backups, err = plan.Prepare(time.Now())
	}
	if err != nil {
		return temporary(fmt.Errorf("migrate: everything is as it was: %w", err))
	}
	next := plan.Ready()
	if m.apply {
		next = append(next, plan.Finish()...)
	}
	printWritten(out, backups, next...)
	return out.trouble("migrate: the files were written, but not what comes next")
}

// compare asks both sides, with a progress bar where somebody looks on.
func (m *migration) compare(ctx context.Context, plan *migrate.Plan, keys migrate.Keys, stderr io.Writer) (migrate.Comparison, error) {
	bar := progressbar.DefaultSilent(int64(plan.Total(keys, m.keys)))
	if f, ok := stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		bar = progressbar.NewOptions(plan.Total(keys, m.keys), progressbar.OptionSetWriter(stderr),
			progressbar.OptionSetDescription("asking both sides"), progressbar.OptionShowCount(),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	}
	defer bar.Finish()
	return plan.Compare(ctx, keys, m.keys, trial{plan.Trial()}, func() { _ = bar.Add(1) })
}

// trial opens the maps of a configuration that is not written yet.
type trial struct{ config *config.Config }

// Open implements migrate.Opener.
func (t trial) Open(ctx context.Context) (lookup.Set, func(), error) {
	w, err := newWorks(role{name: "serve", command: true}, t.config, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, nil, err
	}
	a, err := assemble(ctx, t.config, w, nil)
	if err != nil {
		return nil, nil, errors.Join(err, w.pools.Close())
	}
	a.start(ctx)
	if a.tables != nil {
		a.tables.await(ctx, time.Minute)
	}
	return a.set, func() { _ = errors.Join(a.retire(nil), w.pools.Close()) }, nil
}
