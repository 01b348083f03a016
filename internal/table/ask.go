package table

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"postern/internal/lookup"
)

// askTimeout is the limit of one question to the database. A lookup has to be
// answered within 3 s, and Postfix waits 100 s at most (socketmap_table(5)).
const askTimeout = 2 * time.Second

var errBudget = errors.New("asked of the database too often, try again in a second")

// asks is what the questions of one table to the database have in common: one
// flight per key, a budget, and the answers of the last second.
type asks struct {
	flights singleflight.Group
	budget  *rate.Limiter
	recent  recent
}

func newAsks(budget int) *asks {
	return &asks{budget: rate.NewLimiter(rate.Limit(budget), budget)}
}

// missing reports whether the database said within the last second that key
// has no rows.
func (a *asks) missing(key string, now time.Time) bool {
	r, ok := a.recent.get(key, now)
	return ok && r.err == nil && len(r.values) == 0
}

// ask asks the database for the rows of key, or joins who is asking already.
func (t *Table) ask(ctx context.Context, key string, budgeted bool) ([]string, error) {
	asked := t.now()
	if r, ok := t.asks.recent.get(key, asked); ok {
		t.traceAsk(ctx, key, r, 0, "asked within a second")
		return r.values, r.err
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	flight := t.asks.flights.DoChan(key, func() (any, error) {
		if budgeted && !t.asks.budget.AllowN(asked, 1) {
			t.metrics.asked("over_budget")
			return result{err: errBudget}, nil
		}
		return t.fly(key), nil
	})
	r := result{}
	select {
	case f := <-flight:
		r = f.Val.(result)
	case <-ctx.Done():
		r.err = fmt.Errorf("database: no answer: %w", context.Cause(ctx))
	}
	t.traceAsk(ctx, key, r, t.now().Sub(asked), "")
	return r.values, r.err
}

// fly asks the database and remembers the answer: rows that a loaded table did
// not hold in the table, everything else for a second.
func (t *Table) fly(key string) result {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout) // for all who joined
	defer cancel()
	key = strings.Clone(key) // it may be a part of something larger
	at, ticket := t.now(), t.tickets.Add(1)
	values, err := t.get(ctx, key)
	r := result{values: values, err: err, at: at}
	switch {
	case err != nil:
		r.values, r.at = nil, t.now() // it may have taken longer than it is remembered
		t.metrics.asked("error")
	case len(values) == 0:
		t.metrics.asked("notfound")
	default:
		t.metrics.asked("found")
		if t.state.Load().loaded && t.perKey.Load() == nil {
			t.put(map[string]patch{key: {values: values, ticket: ticket}})
		}
	}
	t.asks.recent.put(key, r)
	return r
}

// get is Source.Get with a panic made an error: it runs on a goroutine that
// nobody else watches.
func (t *Table) get(ctx context.Context, key string) (values []string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("database: panic: %v", p)
		}
	}()
	values, err = t.src.Get(ctx, key)
	return slices.Clip(values), err
}

func (t *Table) traceAsk(ctx context.Context, key string, r result, took time.Duration, note string) {
	if trace := lookup.Trace(ctx); trace != nil {
		trace(lookup.Step{
			Map: t.name, Key: key, Source: fromDatabase, Value: strings.Join(r.values, ", "),
			Found: len(r.values) > 0, Err: r.err, Rows: len(r.values), Duration: took, Note: note,
		})
	}
}
