package counter

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// reopened saves m and opens the file with another store.
func reopened(t *testing.T, m *Memory, now *clock, maximum int) subject {
	t.Helper()
	path := filepath.Join(t.TempDir(), "counters")
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	return opened(t, path, now, maximum)
}

func opened(t *testing.T, path string, now *clock, maximum int) subject {
	t.Helper()
	m := NewMemory(MemoryOptions{Now: now.Now, MaxKeys: maximum})
	if err := m.Load(path); err != nil {
		t.Fatal(err)
	}
	return subject{m, now, 0}
}

// TestRestart: a restart is no event, however long it takes.
func TestRestart(t *testing.T) {
	for _, away := range []time.Duration{0, time.Millisecond, 10 * time.Minute, time.Hour, 10_000 * time.Hour} {
		t.Run(away.String(), func(t *testing.T) {
			s, m, _ := bounded(100)
			d := Debit{Rule: "r", Key: "k", Windows: []Window{{7, time.Hour}, {100, 24 * time.Hour}}, Total: 7}
			u := Debit{Rule: "u", Key: "k\x00\n", Windows: per(7, time.Hour), Unit: "a@example.org", Message: "m"}
			s.charge(t, d, u)
			s.clock.add(11 * time.Minute)
			restarted := reopened(t, m, s.clock, 100)
			s.clock.add(away)
			for _, ask := range []Debit{d, u, {Rule: "r", Key: "k", Windows: d.Windows, Total: 1}} {
				want := s.ask(t, true, ask)[0]
				if got := restarted.ask(t, true, ask)[0]; got != want {
					t.Errorf("%+v:\n got %+v\nwant %+v", ask, got, want)
				}
			}
		})
	}
}

// TestRestartingStoreIsAStore: the suite, with a restart before every charge.
func TestRestartingStoreIsAStore(t *testing.T) {
	testStore(t, 0, func(t *testing.T, now *clock) Store {
		return &restarting{now: now, m: NewMemory(MemoryOptions{Now: now.Now, MaxKeys: 1000})}
	})
}

type restarting struct {
	now *clock
	mu  sync.Mutex
	m   *Memory
}

func (r *restarting) Charge(ctx context.Context, debits []Debit, outcomes []Outcome, peek bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var body bytes.Buffer
	if err := r.m.write(&body); err != nil {
		return err
	}
	r.m = NewMemory(MemoryOptions{Now: r.now.Now, MaxKeys: 1000})
	if err := r.m.read(1, &body); err != nil {
		return err
	}
	return r.m.Charge(ctx, debits, outcomes, peek)
}

// TestClockAtRestart: a clock that went back while the daemon was away blocks
// nobody for longer.
func TestClockAtRestart(t *testing.T) {
	s, m, _ := bounded(10)
	d := Debit{Rule: "r", Key: "k", Windows: per(4, time.Hour), Total: 4}
	s.one(t, d)
	s.clock.add(-1000 * time.Hour)
	restarted := reopened(t, m, s.clock, 10)
	path := filepath.Join(t.TempDir(), "later")
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	s.clock.add(-1000 * time.Hour)
	for _, r := range []subject{restarted, opened(t, path, s.clock, 10)} {
		d.Total = 1
		check(t, "after the restart", r.ask(t, true, d)[0], Outcome{Cost: 1, Retry: 15 * time.Minute, Refill: time.Hour})
	}
}

// TestEmptyIsNotSaved: and it is forgotten.
func TestEmptyIsNotSaved(t *testing.T) {
	s, m, metrics := bounded(100)
	s.one(t, Debit{Rule: "r", Key: "old", Windows: per(2, time.Minute), Total: 2})
	s.one(t, Debit{Rule: "r", Key: "old too", Windows: per(0, time.Minute), Total: 0})
	s.one(t, Debit{Rule: "r", Key: "new", Windows: per(2, time.Hour), Total: 1})
	s.clock.add(2 * time.Minute)
	path := filepath.Join(t.TempDir(), "counters")
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil || bytes.Contains(content, []byte("old")) || !bytes.Contains(content, []byte("new")) {
		t.Errorf("%q, %v", content, err)
	}
	if m.Len() != 1 || testutil.ToFloat64(metrics.counters) != 1 {
		t.Errorf("%d counters", m.Len())
	}
}

// TestSmallerAfterRestart: a lower bound keeps those over their limit, and as
// many of the others as there is room for.
func TestSmallerAfterRestart(t *testing.T) {
	s, m, _ := bounded(100)
	for i := range 40 {
		s.one(t, Debit{Rule: "r", Key: fmt.Sprint("k", i), Windows: per(int64(1+i%2), 10*time.Hour), Total: 1})
		s.clock.add(time.Minute)
	}
	restarted := reopened(t, m, s.clock, 30)
	if n := restarted.store.(*Memory).Len(); n != 30 {
		t.Fatalf("%d counters", n)
	}
	for i := 0; i < 40; i += 2 {
		if o := restarted.ask(t, true, Debit{Rule: "r", Key: fmt.Sprint("k", i), Windows: per(1, 10*time.Hour), Total: 1})[0]; o.Fits {
			t.Errorf("k%d was forgotten", i)
		}
	}
	if n := reopened(t, m, s.clock, 10).store.(*Memory).Len(); n != 10 {
		t.Errorf("%d counters are kept of 20 over their limit, and there is room for 10", n)
	}
}

// TestOrderAfterRestart: the oldest idle counter still goes first.
func TestOrderAfterRestart(t *testing.T) {
	s, m, _ := bounded(10)
	d := func(i int) Debit { return Debit{Rule: "r", Key: fmt.Sprint(i), Windows: per(3, time.Hour), Total: 1} }
	for i := range 10 {
		s.one(t, d(i))
		s.clock.add(time.Second)
	}
	restarted := reopened(t, m, s.clock, 10)
	for i := range 10 {
		restarted.one(t, d(100+i))
		for old := range 10 {
			if left := restarted.room(t, d(old)); (left == 3) != (old <= i) {
				t.Fatalf("after %d new ones, %d of %d are left", i+1, left, old)
			}
		}
	}
}

// TestSaveWhileCharging: what is charged before a save is in it.
func TestSaveWhileCharging(t *testing.T) {
	s, m, _ := bounded(10_000)
	keys := fill(t, m, 5000)
	stop, wg := make(chan struct{}), sync.WaitGroup{}
	wg.Go(func() {
		outcomes := make([]Outcome, 1)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			d := []Debit{{Rule: "other", Key: fmt.Sprint(i % 20_000), Windows: per(2, 24*time.Hour), Total: 1, Message: fmt.Sprint(i)}}
			if err := m.Charge(t.Context(), d, outcomes, false); err != nil {
				t.Error(err)
			}
			keysOf := []Debit{{Rule: "login", Key: keys[i%len(keys)], Windows: per(500, 24*time.Hour), Total: 1}}
			if err := m.Charge(t.Context(), keysOf, outcomes, false); err != nil {
				t.Error(err)
			}
		}
	})
	for range 5 {
		restarted := reopened(t, m, s.clock, 20_000)
		for _, key := range keys {
			d := Debit{Rule: "login", Key: key, Windows: per(500, 24*time.Hour)}
			if m.find("login", key, 24*time.Hour) && restarted.room(t, d) > 499 {
				t.Fatalf("%s is missing", key)
			}
		}
	}
	close(stop)
	wg.Wait()
}

func (m *Memory) find(rule, key string, per time.Duration) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counters.find(rule, key, per) != nil
}

// TestRun: saved in each interval in which something was charged, and at the
// end; a disk that fails is one warning, and one line when it works again.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "state", "counters")
		metrics := NewMetrics(prometheus.NewRegistry())
		saves := func() [2]float64 {
			return [2]float64{testutil.ToFloat64(metrics.saved), testutil.ToFloat64(metrics.failed)}
		}
		var m *Memory
		d := Debit{Rule: "r", Key: "k", Windows: per(100, 100*time.Hour), Total: 1}
		said := logged(func(log *slog.Logger) {
			m = Open(path, MemoryOptions{Metrics: metrics, Log: log})
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { defer close(done); m.Run(ctx, path, time.Minute) }()
			s := subject{store: m}
			pass := func(what string, want [2]float64) {
				t.Helper()
				time.Sleep(time.Minute)
				synctest.Wait()
				if got := saves(); got != want {
					t.Errorf("%s: %v", what, got)
				}
			}
			time.Sleep(time.Second)
			pass("nothing to save", [2]float64{0, 0})
			s.one(t, d)
			pass("no folder", [2]float64{0, 1})
			pass("still no folder", [2]float64{0, 2})
			if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			pass("a folder", [2]float64{1, 2})
			pass("nothing new", [2]float64{1, 2})
			s.ask(t, true, d)
			pass("a peek is nothing new", [2]float64{1, 2})
			s.one(t, d)
			cancel()
			<-done
			if got := saves(); got != [2]float64{2, 2} {
				t.Errorf("at the end: %v", got)
			}
		})
		if strings.Count(said, "WARN") != 1 || strings.Count(said, "saved again") != 1 {
			t.Errorf("it says\n%s", said)
		}
		if got := (subject{store: Open(path, MemoryOptions{})}).room(t, d); got != 98 {
			t.Errorf("%d left in the file", got)
		}
		if testutil.ToFloat64(metrics.lastSaved) != float64(time.Now().UnixMilli())/1000 {
			t.Error("when it was saved")
		}
	})
}

// TestRunWithoutPath forgets what is empty, and payments that are too old.
func TestRunWithoutPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(MemoryOptions{MaxKeys: 10})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); m.Run(ctx, "", time.Minute) }()
		subject{store: m}.one(t, Debit{Rule: "r", Key: "k", Windows: per(1, time.Minute), Total: 1, Message: "m"})
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		if m.Len() != 0 || len(m.paid.young)+len(m.paid.old) != 0 {
			t.Errorf("%d counters, payments %v %v", m.Len(), m.paid.young, m.paid.old)
		}
		cancel()
		<-done
	})
}
