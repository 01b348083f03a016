//go:build integration

package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
)

// TestMariaDBConnections: never more than max_connections, and never more
// statements at work, also when those who ask go away (design: the server's
// thread of a statement that nobody waits for runs on).
func TestMariaDBConnections(t *testing.T) {
	m := scratchtest.Database(t, scratch.MariaDBOptions{})
	watcher := openStore(t, optionsOf(m))
	o := optionsOf(m)
	o.MaxConnections, o.StatementTimeout = 4, time.Second
	s := openStore(t, o)
	slow := s.Prepare("SELECT SLEEP(0.2) + ?")

	ctx, cancel := context.WithCancel(t.Context())
	var most atomic.Int64
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		count := watcher.Prepare("SELECT count(*) FROM information_schema.PROCESSLIST WHERE USER = SUBSTRING_INDEX(USER(), '@', 1) AND ID <> CONNECTION_ID()")
		for ctx.Err() == nil {
			text, err := readOne(t.Context(), count)
			if err != nil {
				t.Error(err)
				return
			}
			var n int64
			fmt.Sscan(text, &n)
			most.Store(max(most.Load(), n))
		}
	}()
	var wg sync.WaitGroup
	var answered, late atomic.Int64
	for i := range 200 {
		wg.Go(func() {
			for range 2 {
				patience, done := context.WithTimeout(ctx, time.Duration(i*10)*time.Millisecond)
				if _, err := readOne(patience, slow, i); err == nil {
					answered.Add(1)
				} else if errors.Is(err, context.DeadlineExceeded) {
					late.Add(1)
				} else {
					t.Error(err)
				}
				done()
			}
		})
	}
	wg.Wait()
	cancel()
	<-watched
	if most.Load() > 4 || most.Load() < 4 {
		t.Errorf("%d connections at once, want 4", most.Load())
	}
	if answered.Load() == 0 || late.Load() == 0 {
		t.Errorf("%d answered, %d late: the test tests nothing", answered.Load(), late.Load())
	}
}

func TestMariaDBStatementTimeout(t *testing.T) {
	o := optionsOf(scratchtest.Database(t, scratch.MariaDBOptions{}))
	o.StatementTimeout, o.MaxConnections = time.Second, 1
	s := openStore(t, o)
	const endless = "SELECT count(*) FROM seq_1_to_1000000 a, seq_1_to_1000000 b"
	before, err := readOne(t.Context(), s.Prepare("SELECT CONNECTION_ID()"))
	if err != nil {
		t.Fatal(err)
	}
	for name, ask := range map[string]func() error{
		"prepared": func() error { _, err := readOne(t.Context(), s.Prepare(endless)); return err },
		"text": func() error {
			rows, err := s.Text(endless).Query(t.Context())
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				t.Error("a row")
			}
			return s.Error(rows.Err())
		},
	} {
		if err := ask(); err == nil || !strings.Contains(err.Error(), "error 1969") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The server ended it, so the connection is still good.
	if after, err := readOne(t.Context(), s.Prepare("SELECT CONNECTION_ID()")); err != nil || after != before {
		t.Errorf("connection %s, then %s, %v", before, after, err)
	}
}

func TestMariaDBHostsInTurn(t *testing.T) {
	m := scratchtest.Database(t, scratch.MariaDBOptions{})
	o := optionsOf(m)
	o.Hosts = []string{"127.0.0.1:1", "unix:/nonexistent/s", m.Addr()}
	if err := openStore(t, o).Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestMariaDBKilledUnderLoad: no wrong answer while the server dies and comes
// back, and right ones within two seconds of its return.
func TestMariaDBKilledUnderLoad(t *testing.T) {
	m := scratchtest.Database(t, scratch.MariaDBOptions{})
	o := optionsOf(m)
	o.MaxConnections = 4
	s := openStore(t, o)
	if err := m.Exec(t.Context(), "INSERT INTO alias (address, `goto`) SELECT concat('u', seq), concat('t', seq) FROM seq_1_to_1000"); err != nil {
		t.Fatal(err)
	}
	rows, err := s.Rows("alias")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var good, bad atomic.Int64
	var lastError atomic.Value
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := worker; ctx.Err() == nil; i++ {
				n := i%1000 + 1
				got, err := rows.Get(t.Context(), fmt.Sprint("u", n))
				switch {
				case err != nil:
					bad.Add(1)
					lastError.Store(err)
				case !slices.Equal(got, []string{fmt.Sprint("t", n)}):
					t.Errorf("u%d leads to %q", n, got)
				default:
					good.Add(1)
				}
			}
		})
	}
	defer wg.Wait()
	defer cancel()
	for round := range 2 {
		waitFor(t, "answers", &good)
		if err := m.Kill(); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "errors", &bad)
		if err, _ := lastError.Load().(error); !strings.Contains(err.Error(), m.Addr()) && !strings.Contains(err.Error(), "connection lost") {
			t.Errorf("error %v", err)
		}
		if err := m.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		back := time.Now()
		waitFor(t, "answers", &good)
		if took := time.Since(back); took > 2*time.Second {
			t.Errorf("round %d: first answer %v after the server was back", round, took)
		}
	}
}

func waitFor(t *testing.T, what string, counter *atomic.Int64) {
	t.Helper()
	start := counter.Load()
	for end := time.Now().Add(20 * time.Second); counter.Load() < start+100; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s for 20 s", what)
		}
	}
}

// TestMariaDBRestartedWhileIdle: who asks next does not notice.
func TestMariaDBRestartedWhileIdle(t *testing.T) {
	m := scratchtest.Database(t, scratch.MariaDBOptions{})
	s := openStore(t, optionsOf(m))
	st := s.Prepare("SELECT ?")
	if _, err := readOne(t.Context(), st, "x"); err != nil {
		t.Fatal(err)
	}
	if err := m.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := readOne(t.Context(), st, "x"); err != nil || got != "x" {
		t.Errorf("after a restart: %q, %v", got, err)
	}
	// A connection that dies in the middle of its statement is replaced too.
	killed := make(chan error)
	go func() {
		_, err := readOne(t.Context(), s.Prepare("SELECT SLEEP(0.5)"))
		killed <- err
	}()
	kill := fmt.Sprintf("BEGIN NOT ATOMIC FOR p IN (SELECT ID FROM information_schema.PROCESSLIST WHERE USER = '%s') DO KILL p.ID; END FOR; END", m.User())
	time.Sleep(100 * time.Millisecond)
	if err := m.Exec(t.Context(), kill); err != nil {
		t.Fatal(err)
	}
	if err := <-killed; err != nil {
		t.Errorf("killed connection: %v", err)
	}
}

// TestMariaDBHangs: a server that is stopped in the middle costs a statement's
// time, and no more.
func TestMariaDBHangs(t *testing.T) {
	m := scratchtest.Database(t, scratch.MariaDBOptions{})
	o := optionsOf(m)
	o.StatementTimeout, o.ConnectTimeout, o.MaxConnections = time.Second, time.Second, 2
	s := openStore(t, o)
	st := s.Prepare("SELECT ?")
	if _, err := readOne(t.Context(), st, "x"); err != nil {
		t.Fatal(err)
	}
	if err := m.Pause(); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"kept connection", "new connection"} {
		start := time.Now()
		_, err := readOne(t.Context(), st, "x")
		if err == nil || !strings.Contains(err.Error(), "no answer in time") {
			t.Errorf("%s: %v", what, err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: %v", what, took)
		}
	}
	if err := m.Resume(); err != nil {
		t.Fatal(err)
	}
	if got, err := readOne(t.Context(), st, "x"); err != nil || got != "x" {
		t.Errorf("after it went on: %q, %v", got, err)
	}
}
