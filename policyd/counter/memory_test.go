package counter

import (
	"bytes"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"testing"
	"time"
	"unsafe"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestMemoryIsAStore(t *testing.T) {
	testStore(t, 0, func(t *testing.T, now *clock) Store {
		return NewMemory(MemoryOptions{Now: now.Now})
	})
}

// TestBoundedMemoryIsAStore: a bound that the suite does not exceed, logs and
// metrics change no decision.
func TestBoundedMemoryIsAStore(t *testing.T) {
	testStore(t, 0, func(t *testing.T, now *clock) Store {
		return NewMemory(MemoryOptions{
			Now: now.Now, MaxKeys: 1000, Metrics: NewMetrics(prometheus.NewRegistry()), Log: slog.New(slog.DiscardHandler),
		})
	})
}

// bounded is a store of few counters and what it counts.
func bounded(maximum int) (subject, *Memory, *Metrics) {
	now, metrics := newClock(), NewMetrics(prometheus.NewRegistry())
	m := NewMemory(MemoryOptions{Now: now.Now, MaxKeys: maximum, Metrics: metrics})
	return subject{m, now, 0}, m, metrics
}

func TestOldestIdleGoesFirst(t *testing.T) {
	s, m, metrics := bounded(3)
	d := func(key string) Debit { return Debit{Rule: "r", Key: key, Windows: per(3, time.Hour), Total: 1} }
	for _, key := range []string{"a", "b", "c", "a", "d"} { // d takes the place of b
		s.one(t, d(key))
		s.clock.add(time.Second)
	}
	for key, left := range map[string]int64{"a": 1, "b": 3, "c": 2, "d": 2} {
		if got := s.room(t, d(key)); got != left {
			t.Errorf("%s has %d left, want %d", key, got, left)
		}
	}
	if m.Len() != 3 || testutil.ToFloat64(metrics.counters) != 3 {
		t.Errorf("%d counters, the metric says %v", m.Len(), testutil.ToFloat64(metrics.counters))
	}
}

// TestOverLimitStays: who is over the limit is not forgotten for others, and a
// new key is not judged when nobody can be.
func TestOverLimitStays(t *testing.T) {
	s, _, metrics := bounded(3)
	one := func(key string) Debit { return Debit{Rule: "r", Key: key, Windows: per(1, time.Hour), Total: 1} }
	for _, key := range []string{"a", "b", "c"} {
		s.one(t, one(key))
		s.clock.add(time.Minute)
	}
	want := Outcome{Fits: true, Full: true, Cost: 1}
	for _, peek := range []bool{true, false} {
		check(t, "full", s.ask(t, peek, one("d"))[0], want)
	}
	if got := testutil.ToFloat64(metrics.fullTotal); got != 1 {
		t.Errorf("%v counted as full", got)
	}
	if o := s.one(t, one("a")); o.Fits || o.Full {
		t.Errorf("an old key: %+v", o)
	}
	never := one("d")
	never.Total = 2
	if o := s.one(t, never); !o.Never || o.Full {
		t.Errorf("what can be judged without a counter: %+v", o)
	}
	s.clock.add(57 * time.Minute) // an hour after a
	check(t, "room again", s.one(t, one("d")), Outcome{Fits: true, Cost: 1, Refill: time.Hour})
	if o := s.one(t, one("e")); !o.Full {
		t.Errorf("room for two: %+v", o)
	}
	s.clock.add(time.Minute)
	if o := s.one(t, one("e")); !o.Fits || o.Full {
		t.Errorf("b is gone, and there is no room: %+v", o)
	}
}

// TestRoomIsTakenOnce: a new counter takes room once for all debits of a call,
// and what costs nothing takes none.
func TestRoomIsTakenOnce(t *testing.T) {
	s, m, _ := bounded(2)
	s.one(t, Debit{Rule: "r", Key: "held", Windows: per(1, time.Hour), Total: 1})
	d := func(key string, total int64) Debit {
		return Debit{Rule: "r", Key: key, Windows: per(9, time.Hour), Total: total}
	}
	if o := s.charge(t, d("free", 0), d("new", 1), d("new", 1), d("free", 0)); o[0].Full || o[1].Full || o[2].Full || o[3].Full || m.Len() != 2 {
		t.Errorf("%d counters, %+v", m.Len(), o)
	}
	if room := s.room(t, d("new", 0)); room != 7 {
		t.Errorf("%d remain of 9, want 7", room)
	}
	free := d("free", 0)
	free.Message = "m"
	if s.one(t, free); len(m.paid.young) != 0 {
		t.Errorf("%d payments of nothing are remembered", len(m.paid.young))
	}
}

// TestFullIsNotPaid: a message that was not judged is asked about again.
func TestFullIsNotPaid(t *testing.T) {
	s, _, _ := bounded(1)
	s.one(t, Debit{Rule: "r", Key: "a", Windows: per(1, time.Hour), Total: 1})
	d := Debit{Rule: "r", Key: "b", Windows: per(5, time.Hour), Total: 1, Message: "m"}
	other := Debit{Rule: "r", Key: "a", Windows: per(1, time.Hour), Total: 0}
	for range 2 {
		if o := s.charge(t, other, d); !o[1].Full || !o[1].Fits || o[1].Cost != 1 {
			t.Fatalf("%+v", o)
		}
	}
	s.clock.add(time.Hour)
	if o := s.one(t, d); o.Full || o.Cost != 1 || o.Remaining != 4 {
		t.Fatalf("%+v", o)
	}
}

// TestOneCallDoesNotDropItsOwn: room for a new counter is not made by dropping
// one that the same call charges.
func TestOneCallDoesNotDropItsOwn(t *testing.T) {
	s, m, _ := bounded(2)
	d := func(key string) Debit { return Debit{Rule: "r", Key: key, Windows: per(9, time.Hour), Total: 1} }
	s.one(t, d("a"))
	s.one(t, d("b"))
	if o := s.charge(t, d("new"), d("a")); o[0].Full || s.room(t, d("a")) != 7 || s.room(t, d("new")) != 8 || s.room(t, d("b")) != 9 {
		t.Errorf("%+v", o)
	}
	o := s.charge(t, d("x"), d("y"), d("z"))
	if o[0].Full || o[1].Full || !o[2].Full || m.Len() != 2 {
		t.Errorf("three new ones where there is room for two: %+v", o)
	}
	two := Debit{Rule: "two", Key: "k", Windows: []Window{{9, time.Hour}, {9, time.Minute}}, Total: 1}
	if o := s.charge(t, d("x"), two); o[0].Full || !o[1].Full || s.room(t, d("x")) != 7 {
		t.Errorf("two windows where there is room for one: %+v", o)
	}
}

// TestLoweredLimitStays: a counter that is over a lowered limit stays too.
func TestLoweredLimitStays(t *testing.T) {
	s, _, _ := bounded(2)
	d := Debit{Rule: "r", Key: "lowered", Windows: per(10, time.Hour), Total: 5}
	s.one(t, d)
	d.Windows = per(4, time.Hour)
	if o := s.one(t, d); o.Fits {
		t.Fatalf("%+v", o)
	}
	for i := range 10 {
		s.one(t, Debit{Rule: "r", Key: strconv.Itoa(i), Windows: per(10, time.Hour), Total: 1})
	}
	if got := s.room(t, d); got != 0 {
		t.Errorf("%d left: it was forgotten", got)
	}
	d.Windows, d.Total = per(10, time.Hour), 1
	s.one(t, d) // not over the limit any more
	for i := range 10 {
		s.one(t, Debit{Rule: "r", Key: strconv.Itoa(i), Windows: per(10, time.Hour), Total: 1})
	}
	if got := s.room(t, d); got != 10 {
		t.Errorf("%d left: it was kept", got)
	}
}

// TestKeysAreCloned: a request's memory is used again after the call.
func TestKeysAreCloned(t *testing.T) {
	s, _, _ := bounded(10)
	b := []byte("rule key")
	d := Debit{Rule: unsafe.String(&b[0], 4), Key: unsafe.String(&b[5], 3), Windows: per(1, time.Hour), Total: 1}
	s.one(t, d)
	copy(b, "xxxxxxxx")
	if got := s.room(t, Debit{Rule: "rule", Key: "key", Windows: per(1, time.Hour)}); got != 0 {
		t.Errorf("%d left", got)
	}
	if got := s.room(t, d); got != 1 {
		t.Errorf("%d left of another", got)
	}
}

// TestPaymentsAreBounded: the oldest are forgotten, and charged again.
func TestPaymentsAreBounded(t *testing.T) {
	s, m, metrics := bounded(10)
	d := func(i int) Debit {
		return Debit{Rule: "r", Key: "k", Windows: per(1000, time.Hour), Total: 1, Message: fmt.Sprint("m", i)}
	}
	for i := range 25 {
		s.one(t, d(i))
	}
	if n := len(m.paid.young) + len(m.paid.old); n > 20 {
		t.Errorf("%d payments", n)
	}
	if testutil.ToFloat64(metrics.forgotten) != 2 {
		t.Error("it was not counted")
	}
	if o := s.one(t, d(15)); o.Cost != 0 {
		t.Errorf("one of the last: %+v", o)
	}
	if o := s.one(t, d(0)); o.Cost != 1 {
		t.Errorf("the first: %+v", o)
	}
}

func TestTakeAndPut(t *testing.T) {
	s, m, _ := bounded(100)
	d := func(key string, total int64) Debit {
		return Debit{Rule: "r", Key: key, Windows: per(10, time.Hour), Total: total}
	}
	s.one(t, d("a", 10))
	s.one(t, d("gone", 1))
	s.clock.add(15 * time.Minute) // 2.5 have drained
	s.one(t, d("b", 3))
	taken := m.Take(1)
	taken = append(taken, m.Take(100)...)
	if more := m.Take(100); len(more) != 0 || m.Len() != 0 {
		t.Fatalf("there is more: %+v", more)
	}
	got := map[string]int64{}
	for _, l := range taken {
		if l.Rule != "r" || l.Window != (Window{10, time.Hour}) {
			t.Errorf("%+v", l)
		}
		got[l.Key] += l.Units
	}
	if len(taken) != 2 || got["a"] != 8 || got["b"] != 3 {
		t.Fatalf("%+v", taken)
	}
	s.one(t, d("a", 1))
	m.Put(taken)
	if a, b := s.room(t, d("a", 0)), s.room(t, d("b", 0)); a != 1 || b != 7 {
		t.Errorf("%d and %d left", a, b)
	}
	m.Put([]Level{{"r", "b", Window{10, time.Hour}, math.MaxInt64}})
	if b := s.room(t, d("b", 0)); b != 0 {
		t.Errorf("%d left", b)
	}
	full, m, _ := bounded(1)
	full.one(t, d("a", 10))
	m.Put([]Level{{"r", "b", Window{10, time.Hour}, 5}})
	if m.Len() != 1 {
		t.Errorf("%d counters", m.Len())
	}
}

// logged is what f logs.
func logged(f func(*slog.Logger)) string {
	var b bytes.Buffer
	f(slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelInfo})))
	return b.String()
}

// TestEndlessClock: a clock that flaps between two times far apart neither
// overflows nor blocks anybody.
func TestEndlessClock(t *testing.T) {
	s, _, _ := bounded(10)
	d := Debit{Rule: "r", Key: "k", Windows: per(1, time.Hour), Total: 1}
	for range 500 {
		s.one(t, d)
		s.clock.add(365 * 24 * time.Hour)
		if o := s.one(t, d); !o.Fits {
			t.Fatalf("%+v", o)
		}
		s.clock.add(-365 * 24 * time.Hour)
		if o := s.one(t, d); o.Fits || o.Retry != time.Hour {
			t.Fatalf("%+v", o)
		}
	}
}
