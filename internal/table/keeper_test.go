package table

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/logtest"
	"postern/internal/lookup"
)

// bench is a keeper that runs in a synctest bubble.
type bench struct {
	*Keeper
	db     *fakeDB
	tables map[string]*Table
	log    *logtest.Log
	stop   func()
}

// start runs a keeper of the five tables until the test ends or stop is
// called. The feed may be nil.
func start(t *testing.T, db *fakeDB, feed Feed, o Options) *bench {
	b := &bench{db: db, tables: map[string]*Table{}, log: &logtest.Log{}}
	var tables []*Table
	for _, name := range []string{"alias", "alias_handle", "domain", "smtp_sender_acl", "api_bans"} {
		tb := New(name, db.source(name), StandardPolicy(name))
		b.tables[name] = tb
		tables = append(tables, tb)
	}
	o.Log = slog.New(slog.NewTextHandler(b.log, nil))
	b.Keeper = NewKeeper(o, feed, tables...)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { b.Run(ctx) })
	b.stop = func() { cancel(); running.Wait() }
	t.Cleanup(b.stop)
	synctest.Wait()
	return b
}

// expect looks a key up and compares the outcome.
func (b *bench) expect(t *testing.T, table, key, want string) {
	t.Helper()
	if got, values, err := outcome(t.Context(), b.tables[table], key); got != want {
		t.Errorf("%s %s: %s (%q, %v), want %s", table, key, got, values, err, want)
	}
}

func (b *bench) status(table string) Status {
	for _, s := range b.Status() {
		if s.Table == table {
			return s
		}
	}
	return Status{}
}

// filled is a database with n aliases a0… and a few other rows.
func filled(n int) *fakeDB {
	db := newFakeDB()
	db.silent = true
	for i := range n {
		db.set("alias", fmt.Sprint("a", i), fmt.Sprint("goto", i))
	}
	db.set("domain", "example.org", "1")
	db.set("api_bans", "domain:bad.example", "- spam")
	db.set("smtp_sender_acl", "shared@example.org", "alice", "bob")
	db.silent = false
	return db
}

func TestLoadsAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := filled(100)
		db.latency = 100 * time.Millisecond
		b := start(t, db, nil, Options{})
		if err := b.Ready(); err == nil {
			t.Error("ready before anything is there")
		}
		time.Sleep(101 * time.Millisecond)
		synctest.Wait()
		if got := b.Status(); got[0].Table != "domain" || got[0].Rows != 1 || got[1].Rows != 0 {
			t.Errorf("after the first load: %+v", got)
		}
		time.Sleep(time.Second)
		if err := b.Ready(); err != nil {
			t.Error(err)
		}
		gets := db.gets.Load()
		b.expect(t, "alias", "a7", "found")
		b.expect(t, "domain", "example.net", "not found")
		b.expect(t, "smtp_sender_acl", "shared@example.org", "found")
		if db.gets.Load() != gets {
			t.Error("the database was asked for a key")
		}
		if s := b.status("alias"); s.Rows != 100 || s.Source != "database" || s.Generation != 1 || s.Trouble != nil {
			t.Errorf("%+v", s)
		}
	})
}

func TestReloadsWithoutFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := filled(100)
		b := start(t, db, nil, Options{})
		db.set("alias", "new", "value")
		db.set("alias", "a0")
		time.Sleep(time.Minute)
		synctest.Wait()
		b.expect(t, "alias", "new", "found")
		if got, _, err := outcome(lookup.WithFresh(t.Context()), b.tables["alias"], "a0"); got != "not found" {
			t.Errorf("deleted: %s, %v", got, err)
		}
		// Four tables twice, and the bans each 4 s, less up to a tenth.
		if n := db.loads.Load() - 8; n < 16 || n > 18 {
			t.Errorf("%d loads of the bans, want 16 to 18", n)
		}
		if s := b.status("alias"); s.Generation != 2 || s.Changed != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestLoadThatFailsHalfWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := filled(5000)
		b := start(t, db, nil, Options{})
		db.with(func() {
			db.midLoad = func(row int) {
				if row == 3000 {
					db.fail(errDown)
				}
			}
		})
		time.Sleep(time.Minute + time.Second)
		b.expect(t, "alias", "a4999", "found")
		if s := b.status("alias"); s.Rows != 5000 || !errors.Is(s.Trouble, errDown) {
			t.Errorf("%+v", s)
		}
		db.with(func() { db.midLoad = nil })
		db.fail(nil)
		db.set("alias", "new", "value")
		time.Sleep(maxBackoff)
		synctest.Wait()
		b.expect(t, "alias", "new", "found")
		if s := b.status("alias"); s.Trouble != nil {
			t.Error(s.Trouble)
		}
	})
}

// TestFeedDeadWhileLoading: who waits for tables until there is trouble is told
// which.
func TestFeedDeadWhileLoading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := filled(10)
		db.latency = time.Minute
		feed := &flakyFeed{db: db}
		feed.set(errDown)
		b := start(t, db, feed, Options{})
		synctest.Wait()
		if s := b.status("alias"); !errors.Is(s.Trouble, errDown) {
			t.Errorf("status: %v", s.Trouble)
		}
		if err := b.Ready(); !errors.Is(err, errDown) {
			t.Errorf("ready: %v", err)
		}
	})
}

func TestDatabaseDeadAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := filled(10)
		db.fail(errDown)
		b := start(t, db, db, Options{})
		time.Sleep(time.Hour)
		for table, key := range map[string]string{"alias": "a1", "domain": "example.net", "api_bans": "domain:x"} {
			b.expect(t, table, key, "error")
		}
		if err := b.Ready(); !errors.Is(err, errDown) {
			t.Errorf("ready: %v", err)
		}
		if n := strings.Count(b.log.String(), "\n"); n > 10 {
			t.Errorf("an hour of a dead database is %d lines of log", n)
		}
		db.fail(nil)
		time.Sleep(maxBackoff)
		synctest.Wait()
		b.expect(t, "alias", "a1", "found")
		if err := b.Ready(); err != nil {
			t.Error(err)
		}
	})
}

func TestHangingLoadIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := filled(10)
		db.hang = make(chan struct{})
		b := start(t, db, nil, Options{})
		time.Sleep(stall + time.Second)
		if s := b.status("domain"); s.Trouble == nil || !strings.Contains(s.Trouble.Error(), "no row for 30s") {
			t.Errorf("trouble: %v", s.Trouble)
		}
		db.with(func() { db.hang = nil })
		time.Sleep(3 * time.Minute)
		b.expect(t, "alias", "a1", "found")
	})
}

func TestFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := filled(10)
		b := start(t, db, nil, Options{})
		db.set("alias", "new", "value")
		db.set("alias", "a1")
		db.set("alias", "a2", "elsewhere")
		time.Sleep(10 * time.Second)
		outcome(lookup.WithFresh(t.Context()), b.tables["alias"], "new2") // remembered as absent
		db.set("alias", "new2", "value")
		for _, key := range []string{"new", "new2", "a1", "a2"} {
			if err := b.Flush(t.Context(), "alias", key); err != nil {
				t.Error(err)
			}
		}
		b.expect(t, "alias", "new", "found")
		b.expect(t, "alias", "new2", "found")
		b.expect(t, "alias", "a1", "unsure")
		if v, _, _ := b.tables["alias"].Value(t.Context(), "a2"); v != "elsewhere" {
			t.Error(v)
		}
		db.set("alias", "new3", "value")
		if err := b.Flush(t.Context(), "alias", ""); err != nil {
			t.Error(err)
		}
		b.expect(t, "alias", "new3", "found")
		if err := b.Flush(t.Context(), "aliases", "x"); err == nil || !strings.Contains(err.Error(), "alias_handle") {
			t.Errorf("unknown table: %v", err)
		}
		db.fail(errDown)
		for _, key := range []string{"", "a2"} {
			if err := b.Flush(t.Context(), "alias", key); !errors.Is(err, errDown) {
				t.Errorf("flush %q of a dead database: %v", key, err)
			}
		}
		b.expect(t, "alias", "a2", "found")
	})
}

func TestTruncatedTableIsHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := filled(1000)
		b := start(t, db, nil, Options{})
		for _, table := range []string{"domain", "alias", "api_bans"} {
			db.truncate(table)
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		b.expect(t, "api_bans", "domain:bad.example", "found")
		if b.status("api_bans").Held == nil {
			t.Error("the loss of the only ban was not held back")
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		b.expect(t, "domain", "example.org", "found")
		b.expect(t, "alias", "a999", "found")
		if s := b.status("alias"); s.Held == nil || s.Held.Lost != 1000 || s.Rows != 1000 {
			t.Errorf("%+v", s)
		}
		b.expect(t, "api_bans", "domain:bad.example", "not found") // read twice
		time.Sleep(time.Minute)
		synctest.Wait()
		b.expect(t, "alias", "a999", "found")
		b.expect(t, "alias", "nobody", "unsure")
		if n := strings.Count(b.log.String(), "held back"); n != 3 {
			t.Errorf("three tables held back made %d lines of log:\n%s", n, b.log)
		}
		if err := b.Accept(t.Context(), "api_bans"); err == nil {
			t.Error("nothing is held back of api_bans")
		}
		db.set("alias", "a1", "restored")
		if err := b.Accept(t.Context(), "alias"); err != nil {
			t.Error(err)
		}
		b.expect(t, "alias", "a1", "found")
		b.expect(t, "alias", "a999", "not found")
		if s := b.status("alias"); s.Held != nil || s.Rows != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestRestoredTableNeedsNoAcceptance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := filled(100)
		b := start(t, db, db, Options{})
		saved := db.tables["alias"]
		db.truncate("alias")
		b.Flush(t.Context(), "alias", "")
		if b.status("alias").Held == nil {
			t.Fatal("not held back")
		}
		db.with(func() { db.tables["alias"] = saved })
		db.set("alias", "new", "value")
		time.Sleep(2 * time.Minute)
		if s := b.status("alias"); s.Held != nil || s.Rows != 101 || s.Age > 2*time.Second {
			t.Errorf("%+v", s)
		}
	})
}

func TestTooLargeIsAskedPerKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := filled(20000)
		cached := map[string]int{}
		o := Options{MaxMemory: 512 << 10, PerKey: func(name string, src lookup.Map) lookup.Map {
			return lookup.Func(func(ctx context.Context, key string) (string, bool, error) {
				cached[name]++
				return src.Lookup(ctx, key)
			})
		}}
		b := start(t, db, db, o)
		if s := b.status("alias"); s.Source != "per key" || s.Rows != 0 {
			t.Errorf("%+v", s)
		}
		if err := b.Ready(); err != nil {
			t.Error(err)
		}
		b.expect(t, "alias", "a19999", "found")
		b.expect(t, "alias", "nobody", "not found")
		b.expect(t, "domain", "example.org", "found")
		if len(cached) != 1 || cached["alias"] != 4 {
			t.Errorf("the cache was asked %v", cached)
		}
		db.fail(errDown)
		b.expect(t, "alias", "a19999", "error")
		db.fail(nil)
		db.with(func() { clear(db.tables["alias"]) })
		db.set("alias", "a1", "value")
		time.Sleep(2 * time.Hour)
		if s := b.status("alias"); s.Source != "database" || s.Rows != 1 {
			t.Errorf("after it shrank: %+v", s)
		}
	})
}

func TestGCHeadroom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		percent := 0
		b := start(t, filled(10), nil, Options{SetGCPercent: func(p int) int { percent = p; return 0 }})
		if percent != 100 {
			t.Errorf("%d%% for a few rows, want 100", percent)
		}
		seg := &segment{arena: arena{bytes: 400 << 20}}
		b.tables["alias"].state.Store(&snapshot{shards: [shards]shard{{seg: seg}}, loaded: true})
		b.adjustGC()
		if percent != 25 {
			t.Errorf("%d%% for 400 MiB, want 25", percent)
		}
	})
}
