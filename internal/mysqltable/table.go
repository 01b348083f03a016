package mysqltable

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/jmoiron/sqlx"

	"postern/internal/lookup"
	"postern/internal/store"
)

// table is a .cf file as a Map.
type table struct {
	config   *Config
	store    *store.Store
	prepared *store.Statement
	inexact  atomic.Bool // ask by the text protocol
	log      *slog.Logger
}

// Open makes the map of a file. It answers one key as it is given, by one
// statement at most. It does not connect: while the database is down its
// answers are temporary errors.
func Open(c *Config, pools *store.Pools, defaults store.Options, log *slog.Logger) (lookup.Map, error) {
	st, err := pools.Open(c.StoreOptions(defaults))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.path, err)
	}
	t := &table{config: c, store: st, log: log.With("table", c.path)}
	t.prepared = st.Prepare(c.query.usual.prepared())
	t.inexact.Store(c.query.hasEffects)
	return t, nil
}

// Lookup implements lookup.Map.
func (t *table) Lookup(ctx context.Context, key string) (string, bool, error) {
	trace := lookup.Trace(ctx)
	parts, reason := t.admit(key)
	if reason != "" {
		if trace != nil {
			trace(lookup.Step{Map: t.config.path, Key: key, Source: "rule", Note: reason})
		}
		return reason, false, nil
	}
	a := &answer{result: t.newResult(parts)}
	start := time.Now()
	value, err := t.ask(ctx, a)
	if trace != nil {
		trace(lookup.Step{
			Map: t.config.path, Key: key, Source: "database", Value: value, Found: value != "", Err: err,
			Rows: a.result.rows, Duration: time.Since(start), Note: a.describe(),
		})
	}
	return value, value != "", err
}

// admit returns the parts of a key, or why the database is not asked.
func (t *table) admit(key string) (address, string) {
	c := t.config
	if !utf8.ValidString(key) {
		t.log.Debug("key is not UTF-8", "key", fmt.Sprintf("%q", bounded(key)))
		return address{}, "key is not UTF-8"
	}
	if c.filtered {
		if a := splitAddress(key); a.domain == "" || a.user == "" || !c.domains.matches(a.domain) {
			return address{}, "not in a domain of the table"
		}
	}
	parts, ok := c.needs.splitKey(key)
	if !ok {
		return address{}, "key lacks a part that the query needs"
	}
	return parts, ""
}

func (t *table) newResult(key address) *resultBuilder {
	c := t.config
	return &resultBuilder{format: c.format, needs: c.needs, limit: c.expansionLimit, key: key}
}

// answer is one question on its way.
type answer struct {
	result    *resultBuilder
	statement *statement // that was asked
}

// describe shows the statement and what was bound.
func (a *answer) describe() string {
	if a.statement == nil {
		return ""
	}
	texts := a.statement.bound(a.result.key)
	for i := range texts {
		texts[i] = bounded(texts[i])
	}
	return fmt.Sprintf("%s %q", a.statement.prepared(), texts)
}

// ask gets the rows and judges what they are together.
func (t *table) ask(ctx context.Context, a *answer) (string, error) {
	if err := t.run(ctx, a); err != nil {
		return "", fmt.Errorf("%s: query: %w", t.config.path, boundedError{err})
	}
	key := fmt.Sprintf("%q", bounded(a.result.key.whole))
	if a.result.empties > 0 {
		t.log.Warn("empty columns ignored: return NULL or no row for nothing", "key", key, "columns", a.result.empties)
	}
	if !utf8.Valid(a.result.joined) {
		return "", lookup.Permanent(fmt.Errorf("%s: value of %s is not UTF-8: mend the row, or set charset", t.config.path, key))
	}
	return string(a.result.joined), nil
}

// run asks by the way that prints as Postfix sees it.
func (t *table) run(ctx context.Context, a *answer) error {
	if t.inexact.Load() || t.config.query.others != nil {
		return t.runText(ctx, a)
	}
	a.statement = t.config.query.usual
	texts := a.statement.bound(a.result.key)
	if slices.ContainsFunc(texts, padded) {
		return t.runText(ctx, a)
	}
	err := t.runPrepared(ctx, a, texts)
	if !errors.Is(err, errInexact) {
		return err
	}
	t.inexact.Store(true)
	a.result = t.newResult(a.result.key)
	return t.runText(ctx, a)
}

// padded reports whether a text loses its end in a temporary table: the driver
// binds CHAR, where a string in quotes is VARCHAR.
func padded(text string) bool { return strings.HasSuffix(text, " ") }

// runPrepared asks by the statement that each connection keeps.
func (t *table) runPrepared(ctx context.Context, a *answer, texts []string) error {
	args := make([]any, len(texts))
	for i, s := range texts {
		args[i] = s
	}
	key := a.result.key
	result, err := store.Read(ctx, t.prepared, func(rows *sqlx.Rows) (*resultBuilder, error) {
		r := rowReader{needSet: t.config.requireResultSet, result: t.newResult(key), explain: t.store.Error}
		return r.result, r.readPrepared(rows.Rows)
	}, args...)
	if result != nil {
		a.result = result
	}
	return err
}

// boundedError keeps what a server says from filling the log.
type boundedError struct{ err error }

func (e boundedError) Error() string { return bounded(e.err.Error()) }
func (e boundedError) Unwrap() error { return e.err }
