package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"postern/internal/admin"
	"postern/internal/config"
	"postern/internal/store"
)

// tellTimeout is how long a daemon may take to read a changed row.
const tellTimeout = 5 * time.Second

func newBan() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ban",
		Short: "Ban, list bans, or revoke one",
		Long: "Administer the table api_bans. A target is a domain with all below it, an address, an IP address\n" +
			"or network, or a name (the part before the @). What it acts on is set under policyd.bans.\n" +
			"Running daemons are told, and act on a change at once. Times are UTC; nothing is ever deleted.",
		Example: "  postern ban add --for 7d --reason \"spam source\" example.com\n  postern ban list\n  postern ban revoke example.com",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usage("say add, list or revoke: see '%s --help'", cmd.CommandPath())
		},
	}
	cmd.AddCommand(newBanAdd(), newBanList(), newBanRevoke())
	return cmd
}

// banDesk is what the ban commands work with.
type banDesk struct {
	config   *config.Config
	store    *store.Store
	bans     *store.Bans
	now      time.Time
	out, err io.Writer

	asJSON bool     // one object in the end, with the notes in it
	notes  []string // for asJSON
}

// withBans opens the database of a configuration for a command.
func withBans(cmd *cobra.Command, path string, work func(context.Context, *banDesk) error) error {
	ctx, cancel := context.WithTimeout(cmd.Context(), queryTimeout)
	defer cancel()
	c, err := config.Load(path)
	if err != nil {
		return err
	}
	s, err := openAdministration(c, path, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer s.Close()
	now := time.Now().UTC()
	desk := &banDesk{
		config: c, store: s, now: now, out: cmd.OutOrStdout(), err: cmd.ErrOrStderr(),
		bans: s.Bans(func() time.Time { return now }),
	}
	return work(ctx, desk)
}

// openAdministration opens the database block for a command.
func openAdministration(c *config.Config, path string, stderr io.Writer) (*store.Store, error) {
	return openPatiently(c, path, stderr, 0)
}

// openPatiently is openAdministration for statements that may take as long as
// that at least.
func openPatiently(c *config.Config, path string, stderr io.Writer, statement time.Duration) (*store.Store, error) {
	if c.Database.Name == "" && c.Database.Driver != "sqlite" {
		return nil, badConfig(fmt.Errorf("%s: no database is configured: add a database block", path))
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	w, err := newWorks(role{name: "serve", command: true}, c, prometheus.NewRegistry(), log)
	if err != nil {
		return nil, err
	}
	o, err := (&assembly{works: w, config: c}).databaseOptions()
	if err != nil {
		return nil, err
	}
	o.MaxConnections, o.StatementTimeout = 1, max(o.StatementTimeout, statement)
	s, err := store.Open(o, nil)
	if err != nil {
		return nil, badConfig(err)
	}
	return s, nil
}

// banTrouble is what the user reads when the database did not do it.
func banTrouble(c *config.Config, err error) error {
	advice := ""
	switch {
	case !store.MissingRight(err):
	case c.Database.Driver == "sqlite":
		advice = ": run it as the user that the file belongs to"
	default:
		advice = ": run it with the --config of a user with INSERT and UPDATE on api_bans, or grant them to this one"
	}
	return temporary(fmt.Errorf("ban: %w%s", err, advice))
}

// tell has the running daemons read the rows of the targets again. What cannot
// be told is no error: it is seen when the tables are read the next time.
func (d *banDesk) tell(ctx context.Context, targets ...store.BanTarget) {
	values := url.Values{}
	for _, t := range targets {
		values.Add("key", t.Key())
	}
	refresh := time.Duration(d.config.Tables.Refresh)
	told := announce(ctx, d.config.Control, "/bans", values, func(socket string, err error) {
		d.note("%s has not read it yet: %v: it does so within %s", socket, err, refresh)
	})
	if !told {
		d.note("no daemon answers in %s: what runs elsewhere sees it within %s", d.config.Control, refresh)
	}
}

// announce posts a change to the control socket of every daemon in dir, and reports
// whether there was any. Those that could not do it are complained of.
func announce(ctx context.Context, dir, path string, values url.Values, complain func(socket string, err error)) (told bool) {
	for _, socket := range controlSockets(dir) {
		ctx, cancel := context.WithTimeout(ctx, tellTimeout)
		_, err := control(ctx, dir, socket, http.MethodPost, path, values)
		cancel()
		if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, os.ErrNotExist) {
			continue // what a daemon left behind that is no more
		}
		told = true
		if err != nil {
			complain(socket, err)
		}
	}
	return told
}

// note tells the user what else there is to know.
func (d *banDesk) note(format string, args ...any) {
	if d.asJSON {
		d.notes = append(d.notes, fmt.Sprintf(format, args...))
		return
	}
	fmt.Fprintf(d.err, "postern: note: "+format+"\n", args...)
}

// say tells what was done, unless it is told as an object in the end.
func (d *banDesk) say(line string) {
	if !d.asJSON {
		fmt.Fprintln(d.out, line)
	}
}

// done ends a command that changed rows.
func (d *banDesk) done(action, text string, id uint64) error {
	if !d.asJSON {
		return nil
	}
	done := admin.Done{Action: action, Table: "api_bans", ID: id, Text: text, Notes: d.notes}
	if done.Notes == nil {
		done.Notes = []string{}
	}
	if err := encodeJSON(d.out, done); err != nil {
		return temporary(fmt.Errorf("ban: it is done, and could not be printed: %w", err))
	}
	return nil
}

// describe is a ban in a sentence: domain example.com until … (#42).
func describe(b store.Ban) string {
	text := b.Kind + " " + printableText(b.Value)
	if !b.Expires.IsZero() {
		text += " until " + minute(b.Expires)
	}
	return fmt.Sprintf("%s (#%d)", text, b.ID)
}

// minute is a time as bans print it, in UTC, with seconds if it has any.
func minute(t time.Time) string {
	layout := "2006-01-02 15:04 MST"
	if t.Second() != 0 {
		layout = "2006-01-02 15:04:05 MST"
	}
	return t.UTC().Format(layout)
}

// printableText escapes what is not printable: other programs write rows, too,
// and this goes to a terminal.
func printableText(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		s = s[size:]
	}
	return b.String()
}
