package counter

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
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

	"postern/internal/statefile"
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

// TestDamagedState: the store is empty, it is said, and the file kept.
func TestDamagedState(t *testing.T) {
	m := NewMemory(MemoryOptions{})
	fill(t, m, 100)
	whole := filepath.Join(t.TempDir(), "whole")
	if err := m.Save(whole); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		content []byte
		aside   string
		says    string
	}{
		"torn":     {good[:len(good)/2], ".damaged", "wrong checksum"},
		"empty":    {nil, ".damaged", "begin at zero"},
		"a newer":  {[]byte("postern policy-counters 2\nwhatever"), ".newer", "newer release"},
		"nonsense": {[]byte(strings.Repeat("x", 1000)), ".damaged", "begin at zero"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "counters")
			if err := os.WriteFile(path, c.content, 0o600); err != nil {
				t.Fatal(err)
			}
			said := logged(func(log *slog.Logger) {
				if m := Open(path, MemoryOptions{Log: log}); m.Len() != 0 {
					t.Errorf("%d counters", m.Len())
				}
			})
			if !strings.Contains(said, c.says) || strings.Count(said, "\n") != 1 {
				t.Errorf("it says %s", said)
			}
			if _, err := os.Stat(path + c.aside); err != nil {
				t.Error(err)
			}
		})
	}
	said := logged(func(log *slog.Logger) { Open(filepath.Join(t.TempDir(), "none"), MemoryOptions{Log: log}) })
	if said != "" {
		t.Errorf("without a file it says %s", said)
	}
}

// TestRecordsThatMakeNoSense: the checksum is right, the content is not.
func TestRecordsThatMakeNoSense(t *testing.T) {
	counter := func(s savedCounter) []byte { return appendRecord(nil, counterRecord, s.append(nil)) }
	good := savedCounter{"r", "k", Window{5, time.Hour}, level{3, 17}, 5}
	start := binary.AppendVarint(nil, 1)
	for name, records := range map[string][]byte{
		"empty key":         counter(savedCounter{"r", "", Window{5, time.Hour}, level{1, 0}, 0}),
		"no window":         counter(savedCounter{"r", "k", Window{5, 0}, level{1, 0}, 0}),
		"fraction above 1":  counter(savedCounter{"r", "k", Window{5, 10}, level{1, 10}, 0}),
		"negative":          counter(savedCounter{"r", "k", Window{5, 10}, level{-1, 0}, 0}),
		"short counter":     appendRecord(nil, counterRecord, good.append(nil)[:5]),
		"short payment":     appendRecord(nil, paymentRecord, make([]byte, 16)),
		"torn record":       counter(good)[:10],
		"record of 2 GB":    binary.AppendUvarint([]byte{counterRecord}, 1<<31),
		"length of nothing": {counterRecord},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "counters")
			body := append(append(bytes.Clone(start), counter(good)...), records...)
			if err := stateFormat.Write(path, func(w io.Writer) error { _, err := w.Write(body); return err }); err != nil {
				t.Fatal(err)
			}
			m := NewMemory(MemoryOptions{})
			if err := m.Load(path); !errors.Is(err, statefile.ErrDamaged) || m.Len() != 0 {
				t.Errorf("%d counters, %v", m.Len(), err)
			}
		})
	}
}

// TestOtherVersions reads what version 1 wrote, and what a later release may
// add to it.
func TestOtherVersions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "counters")
	content, err := os.ReadFile("testdata/state-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	now := newClock()
	now.add(10 * time.Minute)
	s := opened(t, path, now, 10)
	check(t, "counter", s.room1(t), Outcome{Fits: true, Remaining: 3, Refill: 38 * time.Minute})
	for unit, cost := range map[string]int64{"a@example.org": 0, "b@example.org": 1} {
		d := Debit{Rule: "rcpt", Key: "user@example.org", Windows: per(10, time.Hour), Unit: unit, Message: "mx1 1a2b"}
		if o := s.ask(t, true, d)[0]; o.Cost != cost {
			t.Errorf("%s: %+v", unit, o)
		}
	}

	later := func(w io.Writer) error {
		good := savedCounter{"login", "user@example.org", Window{10, time.Hour}, level{8, 0}, 0}
		body := binary.AppendVarint(nil, newClock().Now().UnixNano())
		body = appendRecord(body, 200, []byte("something new"))
		body = appendRecord(body, counterRecord, append(good.append(nil), "a new field"...))
		_, err := w.Write(body)
		return err
	}
	if err := stateFormat.Write(path, later); err != nil {
		t.Fatal(err)
	}
	check(t, "of a later release", opened(t, path, now, 10).room1(t), Outcome{Fits: true, Remaining: 3, Refill: 38 * time.Minute})
}

// room1 asks for the counter that is in testdata/state-1.
func (s subject) room1(t *testing.T) Outcome {
	t.Helper()
	return s.ask(t, true, Debit{Rule: "login", Key: "user@example.org", Windows: per(10, time.Hour)})[0]
}

// TestStateOfVersion1 is what testdata/state-1 was made of: this release still
// writes it so.
func TestStateOfVersion1(t *testing.T) {
	s, m, _ := bounded(10)
	s.one(t, Debit{Rule: "login", Key: "user@example.org", Windows: per(10, time.Hour), Total: 8})
	s.one(t, Debit{Rule: "rcpt", Key: "user@example.org", Windows: per(10, time.Hour), Unit: "a@example.org", Message: "mx1 1a2b"})
	path := filepath.Join(t.TempDir(), "counters")
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("WRITE_TESTDATA") != "" {
		if err := os.WriteFile("testdata/state-1", got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/state-1")
	if err != nil || len(got) != len(want) { // the order of the records is not said
		t.Errorf("%d bytes, want %d, %v", len(got), len(want), err)
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

func FuzzLoad(f *testing.F) {
	good := savedCounter{"r", "k", Window{5, time.Hour}, level{3, 17}, 5}
	f.Add(appendRecord(binary.AppendVarint(nil, 1_700_000_000_000_000_000), counterRecord, good.append(nil)))
	f.Add(appendRecord(binary.AppendVarint(nil, -1), paymentRecord, make([]byte, 18)))
	f.Add(appendRecord(binary.AppendVarint(nil, 1<<62), sinceRecord, binary.AppendVarint(nil, -1<<63)))
	f.Fuzz(func(t *testing.T, body []byte) {
		now := newClock()
		m := NewMemory(MemoryOptions{Now: now.Now, MaxKeys: 4})
		if err := m.read(1, bytes.NewReader(body)); err != nil {
			return
		}
		s := subject{m, now, 0}
		for range 3 {
			d := Debit{Rule: "r", Key: "k", Windows: per(5, time.Hour), Total: 1, Message: "m"}
			if o := s.one(t, d); o.Retry > time.Hour || o.Refill > time.Hour || o.Remaining < 0 {
				t.Fatalf("%+v", o)
			}
			now.add(time.Hour)
		}
		if err := m.write(io.Discard); err != nil {
			t.Fatal(err)
		}
	})
}
