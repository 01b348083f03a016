package limit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"postern/internal/keysearch"
	"postern/policyd"
	"postern/policyd/counter"
)

// Options are what the check works with. Store is needed, and Rules where
// anything shall be limited; the zero value of all else is good.
type Options struct {
	Rules []Rule
	Store counter.Store

	// Host is unique among the hosts that share the store: Postfix makes
	// instance unique per host only.
	Host string

	// Delimiter is recipient_delimiter. With it user+tag counts as user.
	Delimiter string

	// Destinations is where an address leads in the end, for the key
	// alias_owner: itself if it is no alias, nothing if it does not exist.
	Destinations func(ctx context.Context, recipient string) ([]string, error)

	// Known tells whether an address is at a hosted domain, and whether it
	// exists, for rules on known or unknown recipients.
	Known func(ctx context.Context, recipient string) (hosted, known bool, err error)

	Now     func() time.Time // nil: time.Now; spaces out the warnings
	Metrics *Metrics
	Log     *slog.Logger
}

// Check is the check rate_limits. It is safe for concurrent use.
type Check struct {
	rules        []*rule
	off          []string // names of rules that are off
	store        counter.Store
	host         string
	delimiter    keysearch.Options
	destinations func(context.Context, string) ([]string, error)
	known        func(context.Context, string) (hosted, known bool, err error)
	now          func() time.Time
	log          *slog.Logger
}

// RuleError is a rule that cannot work as it is, and what would be right.
type RuleError struct {
	Index int // in Options.Rules
	Name  string
	Err   error
}

func (e *RuleError) Error() string {
	return fmt.Sprintf("rate limit %d (%.64s): %v", e.Index+1, e.Name, e.Err)
}

func (e *RuleError) Unwrap() error { return e.Err }

// New compiles the rules. Rules that are off are checked and left out. An
// error about a rule is a *[RuleError].
func New(o Options) (*Check, error) {
	if o.Store == nil {
		return nil, errors.New("rate limits: no store of counters")
	}
	c := &Check{
		store: o.Store, host: o.Host, delimiter: keysearch.Options{RecipientDelimiter: o.Delimiter},
		destinations: o.Destinations, known: o.Known, now: o.Now, log: o.Log,
	}
	if c.now == nil {
		c.now = time.Now
	}
	names := map[string]bool{}
	for i, r := range o.Rules {
		compiled, err := o.compile(r)
		if err == nil && names[r.Name] {
			err = fmt.Errorf("a second one named %s: counts are kept by name, so choose another", r.Name)
		}
		if err != nil {
			return nil, &RuleError{i, r.Name, err}
		}
		names[r.Name] = true
		if r.Mode == policyd.Off {
			c.off = append(c.off, r.Name)
			continue
		}
		c.rules = append(c.rules, compiled)
	}
	return c, nil
}

// Check never decides: whether anything is over its limit is only asked when
// every other check let the mail pass.
func (c *Check) Check(_ context.Context, q *policyd.Request) (policyd.Verdict, error) {
	if q.Explaining() {
		return policyd.Verdict{Charge: c}, nil
	}
	for _, r := range c.rules {
		if _, counts := r.owed(q); counts {
			return policyd.Verdict{Charge: c}, nil
		}
	}
	return policyd.Verdict{}, nil
}

// Charge charges all rules in one step of the store, or, if one refuses, none.
func (c *Check) Charge(ctx context.Context, q *policyd.Request) (policyd.Verdict, error) {
	p := newPlan()
	defer p.release()
	c.fill(ctx, p, q)
	if p.failed() {
		return c.trouble(p)
	}
	if len(p.debits) == 0 {
		return p.passed(), nil
	}
	if err := c.store.Charge(ctx, p.debits, p.room(), q.Peek); err != nil {
		for _, r := range p.rules {
			c.fail(p, q, r, resultTrouble, fmt.Errorf("counters: %w", err))
		}
		return c.trouble(p)
	}
	return c.settle(p, q)
}
