package table

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"postern/internal/lookup"
)

// vouched is how long after it was read the change feed, or the whole table,
// vouches for what is not there. It is the delay with which a new row is seen.
const vouched = time.Second

// beyond answers a key that is not held, or has been held for too long.
func (t *Table) beyond(ctx context.Context, s *snapshot, key string, held bool) ([]string, error) {
	switch f := t.perKey.Load(); {
	case f != nil:
		return f.values(ctx, key)
	case !s.loaded:
		values, err := t.ask(ctx, key, false)
		if err != nil {
			err = fmt.Errorf("table %s: not loaded yet: %w", t.name, err)
		}
		return values, err
	case held:
		age, _ := t.age()
		values, err := t.ask(ctx, key, false)
		if err != nil {
			err = fmt.Errorf("table %s: too old to be used, last read %s ago: %w", t.name, age.Round(time.Second), err)
		}
		return values, err
	}
	return t.miss(ctx, s, key)
}

// miss answers a key that is not held.
func (t *Table) miss(ctx context.Context, s *snapshot, key string) ([]string, error) {
	if t.policy.MissFinal {
		t.absent(ctx, s, key, "a miss of this table is final")
		return nil, nil
	}
	age, known := t.age()
	switch {
	case known && age >= 0 && age <= vouched:
		t.absent(ctx, s, key, "the table is current")
		return nil, nil
	case t.asks.missing(key, t.now()):
		t.absent(ctx, s, key, "the database said so within a second")
		return nil, nil
	case !lookup.Fresh(ctx):
		err := lookup.Unsure(fmt.Errorf("table %s: last read %s ago", t.name, age.Round(time.Second)))
		t.traceErr(ctx, key, err)
		return nil, err
	}
	values, err := t.ask(ctx, key, true)
	if err == nil {
		return values, nil
	}
	if known && age >= 0 && age <= t.policy.MissAge && !errors.Is(err, errBudget) {
		t.absent(ctx, s, key, "the database does not answer, the table is young enough")
		return nil, nil
	}
	return nil, lookup.Unsure(fmt.Errorf("table %s: last read %s ago: %w", t.name, age.Round(time.Second), err))
}

// held is the trace of an answer from memory.
func (t *Table) held(s *snapshot, key string, values []string) lookup.Step {
	age, _ := t.age()
	source := fromMemory
	if s.origin == fromDisk {
		source = fromDisk
	}
	return lookup.Step{
		Map: t.name, Key: key, Source: source, Value: strings.Join(values, ", "),
		Found: len(values) > 0, Rows: len(values), Age: age,
	}
}

// absent traces a "not found" from memory.
func (t *Table) absent(ctx context.Context, s *snapshot, key, why string) {
	if trace := lookup.Trace(ctx); trace != nil {
		step := t.held(s, key, nil)
		step.Note = why
		trace(step)
	}
}

func (t *Table) traceErr(ctx context.Context, key string, err error) {
	if trace := lookup.Trace(ctx); trace != nil {
		age, _ := t.age()
		trace(lookup.Step{Map: t.name, Key: key, Source: fromMemory, Err: err, Age: age})
	}
}
