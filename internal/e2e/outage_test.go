//go:build integration

package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/scratch"
)

// rowCount is the number of aliases and of rows in each .cf table.
const rowCount = 1000

// outageDatabase has numbered aliases a7@fwd.test → t7@dest.test and, in two
// tables of the site's own, keys k7 → v7.
func outageDatabase(t *testing.T, feed bool) *database {
	t.Helper()
	db := newDatabase(t, true, feed)
	var aliases, own [][]string
	for i := range rowCount {
		aliases = append(aliases, []string{fmt.Sprintf("a%d@fwd.test", i), fmt.Sprintf("t%d@dest.test", i)})
		own = append(own, []string{fmt.Sprintf("k%d", i), fmt.Sprintf("v%d", i)})
	}
	db.exec(t, "INSERT INTO domain (name) VALUES ('fwd.test'); "+insert("alias (address, `goto`)", aliases)+
		"INSERT INTO smtp_sender_acl (login, sender) VALUES ('alice', 'alice@fwd.test');"+
		"CREATE TABLE legacy (k VARCHAR(100) PRIMARY KEY, v VARCHAR(100)); CREATE TABLE other LIKE legacy;"+
		insert("legacy", own)+insert("other", own))
	return db
}

// outageBlocks configure the built-in maps and the .cf maps legacy and other.
// The short life makes cached answers stale at once.
func outageBlocks(t *testing.T, db *database) string {
	t.Helper()
	dir := openFolder(t)
	blocks := db.block("max_connections: 4") + "cache: {ttl: 500ms}\nmaps:\n"
	for _, name := range []string{"legacy", "other"} {
		blocks += fmt.Sprintf("  %s: {cf: %s}\n", name, db.cf(t, dir, name, "query = SELECT v FROM "+name+" WHERE k='%s'"))
	}
	return blocks
}

// load is the questions that go on while the database has its trouble.
type load struct {
	builtIn, cached, fresh, unknown *stream
	next                            atomic.Int64 // key that was never asked
}

const warm = 20 // keys of .cf maps that are asked all the time

// startLoad begins to ask. What right answers are does not change with the
// database's state: a row that exists is found, or in a .cf map nobody asked
// before a temporary error.
func startLoad(t *testing.T, d *daemon) *load {
	t.Helper()
	l := &load{}
	a := d.asker()
	for i := range warm {
		for _, name := range []string{"legacy", "other"} {
			if got, want := a.must(t, name, fmt.Sprintf("k%d", i)), fmt.Sprintf("OK v%d", i); got != want {
				t.Fatalf("%s k%d: %q, want %q", name, i, got, want)
			}
		}
	}
	a.close()
	l.next.Store(warm)
	l.builtIn = startStream(d.askers(4), func(i int) question {
		switch n := i * 37 % rowCount; i % 4 {
		case 0:
			return question{"virtual-domains", "FWD.test", []string{"OK 1"}}
		case 1:
			return question{"sender-login-maps", "alice+x@fwd.test", []string{"OK alice"}}
		case 2:
			return question{"virtual-domains", fmt.Sprintf("foreign%d.test", i), []string{"NOTFOUND"}}
		default:
			return question{"virtual", fmt.Sprintf("A%d@fwd.test", n), []string{fmt.Sprintf("OK t%d@dest.test", n)}}
		}
	})
	l.cached = startStream(d.askers(2), func(i int) question {
		n := i % warm
		return question{[]string{"legacy", "other"}[i/warm%2], fmt.Sprintf("k%d", n), []string{fmt.Sprintf("OK v%d", n)}}
	})
	l.fresh = startStream(d.askers(2), func(int) question {
		n := l.freshKey()
		return question{"legacy", fmt.Sprintf("k%d", n), []string{fmt.Sprintf("OK v%d", n), "TEMP", "TIMEOUT"}}
	})
	l.unknown = startStream(d.askers(1), func(i int) question {
		return question{"virtual", fmt.Sprintf("nobody%d@fwd.test", i), []string{"NOTFOUND", "TEMP", "TIMEOUT"}}
	})
	return l
}

// freshKey is one that was not asked for long; the rows are few.
func (l *load) freshKey() int {
	return warm + int(l.next.Add(1))%(rowCount-warm)
}

func (l *load) stop(t *testing.T) {
	t.Helper()
	l.builtIn.stop(t, "built-in maps")
	l.cached.stop(t, "cached keys of .cf maps")
	l.fresh.stop(t, "other keys of .cf maps")
	l.unknown.stop(t, "recipients that do not exist")
}

// recovered measures how long after the database is back a key that was never
// asked is answered from it.
func recovered(t *testing.T, d *daemon, db *database, back time.Time) {
	t.Helper()
	strain := db.strain(t)
	a := d.asker()
	defer a.close()
	for n := 0; ; n++ {
		key := fmt.Sprintf("back%d.%d", time.Now().UnixNano(), n)
		db.exec(t, fmt.Sprintf("INSERT INTO legacy VALUES ('%s', 'v')", key))
		reply := a.must(t, "legacy", key)
		if reply == "OK v" {
			break
		}
		if status(reply) != "TEMP" {
			t.Fatalf("%s: %q", key, reply)
		}
		if time.Since(back) > patience {
			t.Fatalf("the database is back and still %q", reply)
		}
		time.Sleep(20 * time.Millisecond)
	}
	took := time.Since(back)
	t.Logf("recovered %v after the database was back", took.Round(time.Millisecond))
	if slack := strain.slack(); took > 2*time.Second+slack {
		t.Errorf("recovery took %v, promised are 2s; the strain of the machine explains %v", took, slack)
	}
}

// TestOutage: the database dies, or hangs, and comes back, with questions and
// mails going on.
func TestOutage(t *testing.T) {
	revive(t)
	db := outageDatabase(t, true)
	d := startDaemon(t, outageBlocks(t, db))
	h := startForwardingHost(t, d)
	for _, outage := range []struct {
		name  string
		begin func() error
		end   func(context.Context) error
	}{
		{"killed", shared.db.Kill, shared.db.Restart},
		{"hanging", shared.db.Pause, func(context.Context) error { return shared.db.Resume() }},
	} {
		t.Run(outage.name, func(t *testing.T) {
			l := startLoad(t, d)
			mails := startMails(h)
			l.fresh.flows(t, 50)
			mails.flows(t, 5)
			if err := outage.begin(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(4 * time.Second) // the length of the outage: longer than every limit of a statement
			l.builtIn.flows(t, 200)
			l.cached.flows(t, 5)
			l.unknown.flows(t, 1)
			mails.flows(t, 5)
			d.await(t, "postern_database_up is 0 while the database is away", func() bool { return d.metric(t, "postern_database_up") == 0 })
			if err := outage.end(t.Context()); err != nil {
				t.Fatal(err)
			}
			back := time.Now()
			recovered(t, d, db, back)
			l.builtIn.flows(t, 200)
			l.stop(t)
			mails.stop(t)
			eventually(t, "postern_database_up is 1 again", func() bool { return d.metric(t, "postern_database_up") > 0 })
		})
	}
}

// revive has the shared server run when the test is over, however it ends.
func revive(t *testing.T) {
	t.Cleanup(func() {
		shared.db.Resume() // it may not be frozen, or not run at all
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if shared.db.Exec(ctx, "DO 0") == nil {
			return
		}
		if err := shared.db.Restart(ctx); err != nil {
			t.Error(err)
		}
	})
}

// mailStream sends mail to aliases, a new recipient each, one after the other.
type mailStream struct {
	stopped, done chan struct{}
	sent          atomic.Int64
	wrong         []string
}

func startMails(h *forwardingHost) *mailStream {
	s := &mailStream{stopped: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		for i := 0; ; i++ {
			select {
			case <-s.stopped:
				return
			case <-time.After(20 * time.Millisecond):
			}
			replies, err := scratch.Submit(context.Background(), h.mta.Addr(), fmt.Sprintf("s%d@far.test", i),
				[]string{fmt.Sprintf("a%d@fwd.test", i%rowCount)}, "Subject: outage\n\ntext\n")
			if refused := scratch.Refusals(replies); err != nil || len(refused) > 0 {
				s.wrong = append(s.wrong, fmt.Sprintf("%v %v", refused, err))
			}
			s.sent.Add(1)
		}
	}()
	return s
}

// flows waits until n more mails were sent.
func (s *mailStream) flows(t *testing.T, n int64) {
	t.Helper()
	until := s.sent.Load() + n
	eventually(t, "mails are sent", func() bool { return s.sent.Load() >= until })
}

// stop fails the test for every mail that was not taken.
func (s *mailStream) stop(t *testing.T) {
	t.Helper()
	close(s.stopped)
	<-s.done
	t.Logf("%d mails sent", s.sent.Load())
	if len(s.wrong) > 0 {
		t.Errorf("%d mails were not taken, the first: %s", len(s.wrong), s.wrong[0])
	}
}

// TestOneBrokenTable: a table that is dropped hurts nobody but its own map.
func TestOneBrokenTable(t *testing.T) {
	db := outageDatabase(t, true)
	d := startDaemon(t, outageBlocks(t, db))
	l := startLoad(t, d)
	db.exec(t, "RENAME TABLE other TO gone")
	a := d.asker()
	defer a.close()
	for i := warm; i < warm+20; i++ {
		if got := a.must(t, "other", fmt.Sprintf("k%d", i)); status(got) != "TEMP" {
			t.Errorf("other k%d without its table: %q", i, got)
		}
		if got, want := a.must(t, "legacy", fmt.Sprintf("k%d", i)), fmt.Sprintf("OK v%d", i); got != want {
			t.Errorf("legacy k%d beside the broken map: %q, want %q", i, got, want)
		}
	}
	l.cached.flows(t, 200)
	db.exec(t, "RENAME TABLE gone TO other")
	back, strain := time.Now(), db.strain(t)
	eventually(t, "the map answers again", func() bool { return a.must(t, "other", "k30") == "OK v30" })
	if took := time.Since(back); took > 2*time.Second+strain.slack() {
		t.Errorf("the map took %v to answer again", took)
	}
	l.stop(t)
}

// TestStartWithoutDatabase: with the database dead from the start, the disk
// copy answers; without a copy every answer is temporary.
func TestStartWithoutDatabase(t *testing.T) {
	revive(t)
	db := outageDatabase(t, true)
	blocks := outageBlocks(t, db)
	copied := startDaemon(t, blocks)
	eventually(t, "every table is loaded", func() bool { return strings.Count(copied.log(), "table loaded") == 5 })
	copied.stop(t)
	if err := shared.db.Kill(); err != nil {
		t.Fatal(err)
	}
	copied.start(t)
	copied.awaitReady(t)
	without := newDaemon(t, blocks)
	without.start(t)

	a := copied.asker()
	for _, q := range []question{ // first of all: a minute after the last reading a copy is not sure of what it does not have
		{"virtual-domains", "fwd.test", []string{"OK 1"}}, {"virtual-domains", "far.test", []string{"NOTFOUND"}},
		{"sender-login-maps", "alice@fwd.test", []string{"OK alice", "TEMP"}}, {"banned-domains", "far.test", []string{"NOTFOUND"}},
		{"block-local-senders", "x@fwd.test", []string{"OK REJECT forged local sender"}}, {"virtual", "nobody@fwd.test", []string{"NOTFOUND", "TEMP"}},
		{"legacy", "k1", []string{"TEMP"}},
	} {
		if got := a.must(t, q.name, q.key); !q.accepts(got) {
			t.Errorf("disk copy: %s %s: %q, right is %q", q.name, q.key, got, q.right)
		}
		if q.name != "legacy" {
			if got := without.asker().must(t, q.name, q.key); status(got) != "TEMP" {
				t.Errorf("no disk copy: %s %s: %q, want TEMP", q.name, q.key, got)
			}
		}
	}
	for i := range rowCount {
		if got, want := a.must(t, "virtual", fmt.Sprintf("a%d+X@fwd.test", i)), fmt.Sprintf("OK t%d+X@dest.test", i); got != want {
			t.Fatalf("from the disk copy: %q, want %q", got, want)
		}
	}
	if err := shared.db.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	back := time.Now()
	for _, d := range []*daemon{copied, without} {
		recovered(t, d, db, back)
		d.awaitReady(t)
		back = time.Now()
	}
	eventually(t, "the tables answer", func() bool {
		got := without.asker().must(t, "virtual", "a7@fwd.test")
		if got != "OK t7@dest.test" && status(got) != "TEMP" {
			t.Errorf("after the database came: %q", got)
		}
		return got == "OK t7@dest.test"
	})
}
