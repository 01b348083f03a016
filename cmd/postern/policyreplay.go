package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"postern/internal/config"
	"postern/policyd"
)

func newPolicyReplay() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "replay FILE --config NEW",
		Short: "Tell what a configuration would have answered differently to recorded requests",
		Long: "Tell what a configuration would have answered differently to recorded requests. The clock is that of the\n" +
			"records, counters and greylist start empty and live in memory; bans, aliases and DNS are those of now.\n" +
			"Answers are the same if they do the same: texts are not compared.\n" +
			"Exit status 0: every answer is the same; 1: some differ; 75: trouble.",
		Example: "  postern policy replay requests --config new.yaml",
		Args:    oneFile("FILE", "the file that 'postern policy record' has written"),
	}
	path := configFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := config.Load(*path)
		if err != nil {
			return err
		}
		file, err := os.Open(args[0])
		if err != nil {
			return usage("replay: %w", err)
		}
		defer file.Close()
		r := replay{out: cmd.OutOrStdout()}
		if err := r.run(cmd.Context(), c, file); err != nil {
			return err
		}
		fmt.Fprintln(r.out, r.summary())
		if r.different > 0 {
			return no()
		}
		return nil
	}
	return cmd
}

// replay judges records anew.
type replay struct {
	out       io.Writer
	now       atomic.Int64 // Unix nanoseconds, of the record
	count     int
	different int
	leftOut   int
}

// summary is what the user reads in the end.
func (r *replay) summary() string {
	text := fmt.Sprintf("%d requests, %d answered differently", r.count, r.different)
	if r.leftOut > 0 {
		text += fmt.Sprintf("; %d more were left out when it was recorded, so limits count less", r.leftOut)
	}
	return text
}

func (r *replay) clock() time.Time { return time.Unix(0, r.now.Load()).UTC() }

// run judges every record of in by the configuration c.
func (r *replay) run(ctx context.Context, c *config.Config, in io.Reader) error {
	if c.Policyd == nil {
		return badConfig(errors.New("replay: the configuration has no policyd block"))
	}
	c.Policyd.State, c.StateDir = "memory", ""
	records := policyd.NewRecords(in)
	return withPolicy(ctx, c, "", r.clock, func(s *policyService, tables error) error {
		if tables != nil {
			return temporary(fmt.Errorf("replay: %w", tables))
		}
		for {
			rec, err := records.Next()
			switch {
			case err == io.EOF:
				return nil
			case ctx.Err() != nil:
				return temporary(fmt.Errorf("replay: stopped at request %d: %w", r.count+1, ctx.Err()))
			case err != nil:
				return usage("replay: request %d: %w", r.count+1, err)
			}
			r.leftOut += rec.LeftOut
			r.now.Store(rec.At.UnixNano())
			if err := r.one(ctx, s, rec); err != nil {
				return usage("replay: request %d: %w", r.count, err)
			}
		}
	})
}

// one judges a record and tells if the answer is another.
func (r *replay) one(ctx context.Context, s *policyService, rec policyd.Record) error {
	r.count++
	q, err := policyd.Parse(rec.Text())
	if err != nil {
		return err
	}
	q.Listener = cmp.Or(rec.Listener, s.listens)
	d, err := s.policy.Judge(ctx, q)
	answer := d.Action.String()
	if err != nil {
		answer = "no reply: " + err.Error()
	}
	if sameAnswer(answer, rec.Answer) {
		return nil
	}
	r.different++
	fmt.Fprintf(r.out, "%s %s %s client=%.50q sender=%.100q recipient=%.100q login=%.100q\n  was: %s\n  now: %s\n",
		rec.At.UTC().Format(time.RFC3339), q.State, q.Context, q.ClientAddress, q.Sender, q.Recipient, q.Login,
		policyd.Printable(rec.Answer), policyd.Printable(answer))
	return nil
}

// sameAnswer compares what the answers do, and not how they say it: a text may
// tell a time.
func sameAnswer(a, b string) bool {
	verb := func(s string) string { head, _, _ := strings.Cut(s, " "); return strings.ToUpper(head) }
	return verb(a) == verb(b)
}

// loadWithin is how long a command waits for the tables.
const loadWithin = 10 * time.Second

// withPolicy runs work with the policy of c as a daemon would have it, and with
// the reason why a table is not loaded, if one is not. Saved state is read from
// the folder state, and never written.
func withPolicy(ctx context.Context, c *config.Config, state string, now func() time.Time, work func(s *policyService, tables error) error) error {
	w, err := newWorks(role{name: "serve", command: true}, c, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer w.pools.Close()
	w.policyState, w.policyNow = state, now
	a, err := assemble(ctx, c, w, nil)
	if err != nil {
		return err
	}
	defer a.retire(nil)
	a.start(ctx)
	if a.tables != nil {
		a.tables.await(ctx, loadWithin)
	}
	return work(a.policy, a.ready())
}

// policyAlone judges q without a daemon. unread tells why some of the saved
// state or of the tables is not part of that.
func policyAlone(ctx context.Context, c *config.Config, q *policyd.Request) (answer policyAnswer, unread, err error) {
	state := c.StateDir
	c.StateDir = "" // the daemon's disk copies are its own
	err = withPolicy(ctx, c, state, time.Now, func(s *policyService, tables error) error {
		answer, unread = s.explain(ctx, q), errors.Join(s.state.unread, tables)
		if tables != nil && answer.Trouble != "" {
			answer.Trouble += ": " + tables.Error()
		}
		return nil
	})
	return answer, unread, err
}
