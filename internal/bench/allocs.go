package main

import (
	"bufio"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postern/internal/keysearch"
	"postern/internal/lookup"
	"postern/internal/maps"
	"postern/internal/table"
	"postern/socketmap"
	"postern/tcptable"
)

// measureAllocs counts the allocations of a lookup from the bytes of a request
// to those of its reply, with the layers that the daemon has: metrics, time
// limit, key search, cache or tables.
func measureAllocs(ctx context.Context, l *lab) error {
	for _, s := range []stack{cachedStack(), loadedStack(ctx)} {
		server := &socketmap.Handler{Maps: func() lookup.Set { return s.set }, Timeout: 5 * time.Second,
			Observer: socketmap.ObserverOf(s.metrics)}
		if err := l.countAllocs(ctx, "socketmap, "+s.what, server, socketmapQuestion(s.name, alias(1), "OK "+target(1))); err != nil {
			return err
		}
		line := &tcptable.Handler{Name: s.name, Map: s.set[s.name], Timeout: 5 * time.Second,
			Observer: tcptable.ObserverOf(s.metrics)}
		if err := l.countAllocs(ctx, "tcp_table, "+s.what, line, tcpQuestion(alias(1), "200 "+target(1))); err != nil {
			return err
		}
	}
	return nil
}

// stack is a map with all that the daemon puts around it.
type stack struct {
	what, name string
	set        lookup.Set
	metrics    *lookup.Metrics
}

// cachedStack is a .cf map whose answer is in the cache.
func cachedStack() stack {
	metrics := lookup.NewMetrics(prometheus.NewRegistry())
	cache := lookup.NewCache(lookup.CacheOptions{Entries: 1000, TTL: time.Hour, NegativeTTL: time.Hour, Metrics: metrics})
	origin := lookup.Func(func(_ context.Context, key string) (string, bool, error) {
		return target(1), key == alias(1), nil
	})
	search := keysearch.New(keysearch.Virtual, keysearch.Options{RecipientDelimiter: "+", Propagate: true},
		cache.Map("aliases", "identity", origin))
	return stack{"cached .cf map", "aliases", lookup.Set{"aliases": search}, metrics}
}

// loadedStack is the built-in map virtual over loaded tables.
func loadedStack(ctx context.Context) stack {
	_, builtIn := loadedTables(ctx, map[string]fixedRows{
		"domain": {fmt.Sprintf("fwd%05d.test", 1): "1"}, "alias": {alias(1): target(1)},
		"alias_handle": {}, "smtp_sender_acl": {}, "api_bans": {},
	})
	return stack{"loaded table", maps.Virtual, builtIn.Set(), lookup.NewMetrics(prometheus.NewRegistry())}
}

// loadedTables has the rows of each table in memory.
func loadedTables(ctx context.Context, content map[string]fixedRows) (map[string]*table.Table, *maps.BuiltIn) {
	tables := map[string]*table.Table{}
	var all []*table.Table
	for name, rows := range content {
		tables[name] = table.New(name, rows, table.StandardPolicy(name))
		all = append(all, tables[name])
	}
	loaded := time.Now() // and stays: a second later, a miss would have to be asked of the database
	keeper := table.NewKeeper(table.Options{Now: func() time.Time { return loaded }}, nil, all...)
	for name := range tables {
		keeper.Flush(ctx, name, "") // rows that are given cannot fail
	}
	return tables, maps.New(maps.Tables{
		Domain: tables["domain"], Alias: tables["alias"], Handle: tables["alias_handle"],
		Sender: tables["smtp_sender_acl"], Ban: tables["api_bans"],
	}, maps.Options{Delimiter: "+", Propagate: true})
}

// fixedRows is a table.Source.
type fixedRows map[string]string

// Load emits all rows.
func (f fixedRows) Load(_ context.Context, emit func(key, value []byte) error) error {
	for k, v := range f {
		if err := emit([]byte(k), []byte(v)); err != nil {
			return err
		}
	}
	return nil
}

// Get gives the row of one key.
func (f fixedRows) Get(_ context.Context, key string) ([]string, error) {
	if v, ok := f[key]; ok {
		return []string{v}, nil
	}
	return nil, nil
}

// handler is a protocol over bytes.
type handler interface {
	ServeRequest(ctx context.Context, r *bufio.Reader, w *bufio.Writer) error
}

func (l *lab) countAllocs(ctx context.Context, what string, h handler, q question) error {
	stream := &repeat{text: q.ask}
	var reply last
	r, w := bufio.NewReader(stream), bufio.NewWriter(&reply)
	var failed error
	ask := func() {
		if err := h.ServeRequest(ctx, r, w); err != nil {
			failed = err
		}
		w.Flush()
	}
	allocs := testing.AllocsPerRun(20000, ask)
	const runs = 100_000
	began := time.Now()
	for range runs {
		ask()
	}
	took := time.Since(began) / runs
	if failed == nil && string(reply) != string(q.reply) {
		failed = fmt.Errorf("%q was answered by %q", q.ask, string(reply))
	}
	l.report.add("allocations of a lookup: "+what, atMost(2), summarize([]float64{allocs}), "%s without the wire", took)
	return failed
}

// repeat is an endless stream of one text.
type repeat struct {
	text []byte
	at   int
}

// Read never ends.
func (s *repeat) Read(p []byte) (int, error) {
	n := copy(p, s.text[s.at:])
	s.at = (s.at + n) % len(s.text)
	return n, nil
}

// last keeps what was written last.
type last []byte

// Write replaces what is kept.
func (l *last) Write(p []byte) (int, error) {
	*l = append((*l)[:0], p...)
	return len(p), nil
}
