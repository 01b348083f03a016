package table

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errDown = errors.New("connection refused")

// fakeDB is a database of a few tables with a change feed.
type fakeDB struct {
	mu      sync.Mutex
	tables  map[string]map[string][]string
	changes []Change // not read yet
	gap     bool
	err     error  // of everything
	silent  bool   // the feed is not told of writes
	badKey  string // that cannot be read

	gets, loads, polls atomic.Int64
	latency            time.Duration
	hang               chan struct{} // not nil: everything waits for it or its context
	midLoad            func(row int) // called during loads, not under the lock
}

func newFakeDB() *fakeDB { return &fakeDB{tables: map[string]map[string][]string{}} }

// set writes rows, none to delete the key, and tells the feed.
func (d *fakeDB) set(table, key string, values ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.tables[table] == nil {
		d.tables[table] = map[string][]string{}
	}
	if len(values) == 0 {
		delete(d.tables[table], key)
	} else {
		d.tables[table][key] = values
	}
	if !d.silent {
		d.changes = append(d.changes, Change{table, key})
	}
}

// truncate empties a table. No trigger fires.
func (d *fakeDB) truncate(table string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.tables, table)
}

func (d *fakeDB) with(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
}

func (d *fakeDB) fail(err error) { d.with(func() { d.err = err }) }

// wait is what every answer begins with.
func (d *fakeDB) wait(ctx context.Context) error {
	d.mu.Lock()
	hang, latency := d.hang, d.latency
	d.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if latency > 0 {
		select {
		case <-time.After(latency):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

func (d *fakeDB) source(table string) *fakeSource { return &fakeSource{d, table} }

type fakeSource struct {
	db    *fakeDB
	table string
}

func (s *fakeSource) Load(ctx context.Context, emit func(key, value []byte) error) error {
	s.db.loads.Add(1)
	if err := s.db.wait(ctx); err != nil {
		return err
	}
	s.db.mu.Lock()
	rows := maps.Clone(s.db.tables[s.table]) // one moment
	mid := s.db.midLoad
	s.db.mu.Unlock()
	var k, v []byte // used again, as a driver does
	n := 0
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		for _, value := range rows[key] {
			k, v = append(k[:0], key...), append(v[:0], value...)
			if err := emit(k, v); err != nil {
				return err
			}
			if n++; mid != nil {
				mid(n)
			}
			s.db.mu.Lock()
			err := s.db.err
			s.db.mu.Unlock()
			if err != nil {
				return err
			}
		}
	}
	clear(k)
	clear(v)
	return nil
}

func (s *fakeSource) Get(ctx context.Context, key string) ([]string, error) {
	s.db.gets.Add(1)
	if err := s.db.wait(ctx); err != nil {
		return nil, err
	}
	s.db.mu.Lock()
	defer s.db.mu.Unlock()
	if key == s.db.badKey && key != "" {
		return nil, errDown
	}
	return slices.Clone(s.db.tables[s.table][key]), nil
}

// Changes makes a fakeDB a Feed. The first call takes the position.
func (d *fakeDB) Changes(ctx context.Context) ([]Change, error) {
	n := d.polls.Add(1)
	if err := d.wait(ctx); err != nil {
		if n == 1 {
			d.polls.Add(-1)
		}
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	changes, gap := d.changes, d.gap
	d.changes, d.gap = nil, false
	if gap {
		return nil, ErrGap
	}
	if n == 1 {
		return nil, nil
	}
	return changes, nil
}

// loaded is a table with these rows, as if it had just been read.
func loaded(t *testing.T, tb *Table, rows map[string][]string) {
	t.Helper()
	base, ticket := tb.begin()
	defer tb.end()
	l := newLoader(tb.seed, base, 0)
	for _, k := range slices.Sorted(maps.Keys(rows)) {
		for _, v := range rows[k] {
			if err := l.add(k, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	r, err := l.finish(ticket, tb.now())
	if err != nil {
		t.Fatal(err)
	}
	tb.activate(r.content, ticket, tb.now())
}

// content is all rows of s by key, in order.
func content(s *snapshot) map[string][]string {
	rows := map[string][]string{}
	s.each(func(key, value string) bool {
		rows[key] = append(rows[key], value)
		return true
	})
	return rows
}
