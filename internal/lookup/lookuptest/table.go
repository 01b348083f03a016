// Package lookuptest helps to test what is made of [lookup.Map]: a map whose
// every answer and failure the test chooses, and [Run], the conformance suite
// that every implementation passes.
package lookuptest

import (
	"context"
	"sync"

	"postern/internal/lookup"
)

// Table is a map in memory that fails where the test wants it to. The zero
// value answers "not found". The fields are set before the first lookup, the
// methods may be called at any time.
type Table struct {
	M    map[string]string // the values by key
	Errs map[string]error  // the keys that fail
	Err  error             // if not nil, every key fails

	mu    sync.Mutex
	wait  func(ctx context.Context, key string) error
	calls map[string]int
}

// Lookup counts the call and answers from the table.
func (t *Table) Lookup(ctx context.Context, key string) (string, bool, error) {
	value, found, err := t.answer(ctx, key, t.count(key))
	if trace := lookup.Trace(ctx); trace != nil {
		trace(lookup.Step{Map: "table", Key: key, Source: "memory", Value: value, Found: found, Err: err})
	}
	return value, found, err
}

func (t *Table) answer(ctx context.Context, key string, wait func(context.Context, string) error) (string, bool, error) {
	if wait != nil {
		if err := wait(ctx, key); err != nil {
			return "", false, err
		}
	}
	if err := ctx.Err(); err != nil {
		return "", false, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.Err != nil {
		return "", false, t.Err
	}
	if err := t.Errs[key]; err != nil {
		return "", false, err
	}
	value := t.M[key]
	return value, value != "", nil
}

// count counts a call and returns what it has to wait for.
func (t *Table) count(key string) func(context.Context, string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.calls == nil {
		t.calls = map[string]int{}
	}
	t.calls[key]++
	return t.wait
}

// Set gives key a value; an empty one removes it.
func (t *Table) Set(key, value string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.M == nil {
		t.M = map[string]string{}
	}
	t.M[key] = value
}

// Fail makes every lookup fail with err from now on, or none if err is nil.
func (t *Table) Fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Err = err
}

// Wait has every lookup from now on call wait before it reads the table, or
// nothing if wait is nil. It may block, panic, or return an error for the
// lookup to fail with.
func (t *Table) Wait(wait func(ctx context.Context, key string) error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wait = wait
}

// Calls returns how often key was asked.
func (t *Table) Calls(key string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.calls[key]
}

// TotalCalls returns how many lookups there were.
func (t *Table) TotalCalls() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, calls := range t.calls {
		n += calls
	}
	return n
}
