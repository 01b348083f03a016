package greylist

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// sound checks what always holds: each row is in the list that is its own.
func (m *Memory) sound(t *testing.T) {
	t.Helper()
	n := 0
	for _, l := range []*list{&m.waiting, &m.kept} {
		var before *row
		for r := l.first; r != nil; before, r = r, r.next {
			if n++; m.rows[r.key] != r || m.list(r) != l || r.previous != before {
				t.Fatalf("row %v is not where it belongs", r.key)
			}
		}
		if l.last != before {
			t.Fatal("a list does not end where it ends")
		}
	}
	if n != len(m.rows) || n != m.waiting.length+m.kept.length {
		t.Fatalf("%d rows in lists, %d in all, %d+%d counted", n, len(m.rows), m.waiting.length, m.kept.length)
	}
}

// TestFlood: a flood of triplets that never pass costs nobody his pass, and
// memory is bounded.
func TestFlood(t *testing.T) {
	const most, known, flood = 100_000, 70_000, 300_000
	c := newClock()
	metrics := NewMetrics(prometheus.NewRegistry())
	m := NewMemory(MemoryOptions{Rows: most, Now: c.Now, Metrics: metrics})
	for i := range known {
		mustNote(t, m, Visit{Group: "192.0.2.0/24", Sender: fmt.Sprint(i), Owner: "user@mine.example"})
	}
	group := Visit{Trust: [2]Group{"192.0.2.0/24"}}
	for range 5 {
		mustNote(t, m, group)
	}
	random := rand.New(rand.NewPCG(1, 2))
	var b [8]byte
	ctx, lives := t.Context(), terms()
	for i := range flood {
		binary.LittleEndian.PutUint64(b[:], random.Uint64())
		v := Visit{Group: "198.51.100.0/24", Sender: string(b[:]), Owner: "user@mine.example"}
		if s, err := m.Judge(ctx, v, lives, false); s.Wait == 0 || err != nil {
			t.Fatal(s, err)
		}
		if i%10_000 == 0 {
			c.add(time.Second)
			if n := m.Len(); n > most {
				t.Fatalf("%d rows", n)
			}
		}
	}
	m.sound(t)
	for i := range known {
		if !mustJudge(t, m, Visit{Group: "192.0.2.0/24", Sender: fmt.Sprint(i), Owner: "user@mine.example"}, true).Known {
			t.Fatalf("%d is not known any more", i)
		}
	}
	if mustJudge(t, m, group, true).Trusted == "" {
		t.Error("the group is not trusted any more")
	}
	if n := testutil.ToFloat64(metrics.evicted.WithLabelValues(kindKept)); n != 0 {
		t.Errorf("%v kept rows made room", n)
	}
	if n := testutil.ToFloat64(metrics.evicted.WithLabelValues(kindWaiting)); n != flood-(most-known-1) {
		t.Errorf("%v waiting rows made room", n)
	}
	if waiting, kept := testutil.ToFloat64(metrics.waiting), testutil.ToFloat64(metrics.kept); waiting != most-known-1 || kept != known+1 {
		t.Errorf("%v wait, %v are kept", waiting, kept)
	}
}

// TestFull: a quarter is for those that wait; for the rest the oldest goes.
func TestFull(t *testing.T) {
	c := newClock()
	m := NewMemory(MemoryOptions{Rows: 8, Now: c.Now})
	triplet := func(i int) Visit { return Visit{Group: "192.0.2.0/24", Sender: fmt.Sprint(i), Owner: "o"} }
	known := func() (numbers []int) {
		for i := range 100 {
			if mustJudge(t, m, triplet(i), true).Known {
				numbers = append(numbers, i)
			}
		}
		return numbers
	}
	for i := range 12 {
		c.add(time.Second)
		mustNote(t, m, triplet(i))
	}
	if got := fmt.Sprint(known()); got != "[4 5 6 7 8 9 10 11]" {
		t.Errorf("known: %s", got)
	}
	mustNote(t, m, triplet(4)) // the latest now
	for i := 50; i < 60; i++ {
		mustJudge(t, m, triplet(i), false)
	}
	if got := fmt.Sprint(known()); got != "[4 8 9 10 11]" || m.waiting.length != 3 {
		t.Errorf("known: %s, %d wait", got, m.waiting.length)
	}
	m.sound(t)
}

// TestOneRow: the smallest store works.
func TestOneRow(t *testing.T) {
	m := NewMemory(MemoryOptions{Rows: 1})
	for i := range 4 {
		mustJudge(t, m, visit(fmt.Sprint(i), 1), false)
		mustNote(t, m, visit(fmt.Sprint(i), 1))
		m.sound(t)
	}
	if m.Len() != 1 {
		t.Errorf("%d rows", m.Len())
	}
}

// TestDeadRowsGo: what is over makes room by itself.
func TestDeadRowsGo(t *testing.T) {
	c := newClock()
	m := NewMemory(MemoryOptions{Now: c.Now})
	for i := range 100 {
		mustJudge(t, m, visit(fmt.Sprint("w", i), 1), false)
		mustNote(t, m, visit(fmt.Sprint("p", i), 1))
	}
	c.add(5 * time.Hour)
	for i := range 100 {
		mustJudge(t, m, visit(fmt.Sprint("x", i), 1), false)
	}
	if m.Len() != 100+100+2 {
		t.Errorf("%d rows, want 100 that passed, 100 that wait and 2 groups", m.Len())
	}
	c.add(36 * 24 * time.Hour)
	for i := range 60 {
		mustJudge(t, m, visit(fmt.Sprint("y", i), 1), false)
	}
	if m.Len() != 60 {
		t.Errorf("%d rows, want 60", m.Len())
	}
	m.sound(t)
}

// TestRandomLife mixes everything, with a clock that jumps.
func TestRandomLife(t *testing.T) {
	c := newClock()
	m := NewMemory(MemoryOptions{Rows: 50, Now: c.Now})
	random := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		v := visit(fmt.Sprint(random.IntN(40)), uint64(random.IntN(5)))
		v.Group = Group(fmt.Sprint(random.IntN(3)))
		v.Trust[random.IntN(2)] = ""
		switch random.IntN(6) {
		case 0:
			mustNote(t, m, v)
		case 1:
			c.add(time.Duration(random.Int64N(int64(20*time.Hour))) - 8*time.Hour)
		case 2:
			if _, err := m.Release(t.Context(), v.Sender, v.Owner, terms()); err != nil {
				t.Fatal(err)
			}
		default:
			if s := mustJudge(t, m, v, random.IntN(4) == 0); s.Wait < 0 || s.Wait > time.Minute {
				t.Fatalf("waits %v", s.Wait)
			}
		}
		if m.Len() > 50 {
			t.Fatalf("%d rows", m.Len())
		}
	}
	m.sound(t)
}
