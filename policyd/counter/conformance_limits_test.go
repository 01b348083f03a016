package counter

import (
	"fmt"
	"testing"
	"time"
)

func testBurst(t *testing.T, s subject) {
	d := Debit{Rule: "r", Key: "k", Windows: per(10, time.Hour), Total: 1}
	check(t, "first", s.one(t, d), Outcome{Fits: true, Cost: 1, Remaining: 9, Refill: 6 * time.Minute})
	d.Total = 8
	check(t, "eight more", s.one(t, d), Outcome{Fits: true, Cost: 8, Remaining: 1, Refill: 54 * time.Minute})
	d.Total = 2
	check(t, "two more", s.one(t, d), Outcome{Cost: 2, Remaining: 1, Retry: 6 * time.Minute, Refill: 54 * time.Minute})
	d.Total = 1
	check(t, "the last", s.one(t, d), Outcome{Fits: true, Cost: 1, Refill: time.Hour})
	check(t, "above", s.one(t, d), Outcome{Cost: 1, Retry: 6 * time.Minute, Refill: time.Hour})
	s.clock.add(6*time.Minute - time.Millisecond)
	check(t, "too early", s.one(t, d), Outcome{Cost: 1, Retry: time.Millisecond, Refill: 54*time.Minute + time.Millisecond})
	s.clock.add(time.Millisecond)
	check(t, "in time", s.one(t, d), Outcome{Fits: true, Cost: 1, Refill: time.Hour})
	s.clock.add(time.Hour)
	if got := s.fitting(t, d); got != 10 {
		t.Errorf("%d fit after an hour", got)
	}
}

func testBytes(t *testing.T, s subject) {
	const n = 10_000_000_000
	d := Debit{Rule: "r", Key: "k", Windows: per(n, 24*time.Hour), Total: n - 1}
	if o := s.one(t, d); !o.Fits || o.Remaining != 1 {
		t.Fatalf("%+v", o)
	}
	d.Total = 2
	if o := s.one(t, d); o.Fits {
		t.Fatalf("%+v", o)
	}
	d.Total = 1
	if o := s.one(t, d); !o.Fits || o.Remaining != 0 {
		t.Fatalf("%+v", o)
	}
	if o := s.one(t, d); o.Fits {
		t.Fatalf("%+v", o)
	}
	s.clock.add(12 * time.Hour)
	d.Total = n/2 + 1
	if o := s.one(t, d); o.Fits || o.Remaining != n/2 {
		t.Fatalf("%+v", o)
	}
	d.Total = n / 2
	if o := s.one(t, d); !o.Fits {
		t.Fatalf("%+v", o)
	}
}

// testOddWindows: N of N fit, at one instant and after a part has drained that
// is no whole number of units.
func testOddWindows(t *testing.T, s subject) {
	for i, w := range []Window{{7, time.Minute}, {3, 7 * time.Second}, {30, time.Minute}, {50, 24 * time.Hour}, {1, time.Hour}, {29, 997 * time.Millisecond}} {
		d := Debit{Rule: "odd", Key: fmt.Sprint("k", i), Windows: []Window{w}}
		if got := s.fitting(t, d); got != w.N {
			t.Errorf("%v: %d fit at once", w, got)
		}
		step := (w.Per / 3).Truncate(time.Millisecond)
		fits := int64(0)
		for range 30 {
			s.clock.add(step)
			fits += s.fitting(t, d)
		}
		if most := int64(30 * step * time.Duration(w.N) / w.Per); fits > most || fits < most-1 {
			t.Errorf("%v: %d fit within %v, want %d", w, fits, 30*step, most)
		}
		s.clock.add(w.Per)
		if got := s.fitting(t, d); got != w.N {
			t.Errorf("%v: %d fit when it was full again", w, got)
		}
	}
}

func testWindows(t *testing.T, s subject) {
	d := Debit{Rule: "r", Key: "k", Windows: []Window{{5, time.Minute}, {8, time.Hour}}, Total: 4}
	check(t, "first", s.one(t, d), Outcome{Fits: true, Cost: 4, Window: 0, Remaining: 1, Refill: 48 * time.Second})
	check(t, "refused by the first", s.one(t, d), Outcome{Cost: 4, Window: 0, Remaining: 1, Retry: 36 * time.Second, Refill: 48 * time.Second})
	s.clock.add(time.Minute)
	d.Total = 5 // 4 - 8/60 are in the second
	check(t, "refused by the second", s.one(t, d), Outcome{Cost: 5, Window: 1, Remaining: 4, Retry: 6*time.Minute + 30*time.Second, Refill: 29 * time.Minute})
	d.Total = 4
	check(t, "fits", s.one(t, d), Outcome{Fits: true, Cost: 4, Window: 1, Remaining: 0, Refill: 59 * time.Minute})
	check(t, "refused by both", s.one(t, d), Outcome{Cost: 4, Window: 1, Remaining: 0, Retry: 29 * time.Minute, Refill: 59 * time.Minute})
	d.Windows = d.Windows[:1]
	check(t, "the refused cost nothing", s.one(t, d), Outcome{Cost: 4, Remaining: 1, Retry: 36 * time.Second, Refill: 48 * time.Second})
}

func testChangedLimit(t *testing.T, s subject) {
	d := Debit{Rule: "r", Key: "k", Windows: per(10, time.Hour), Total: 8}
	s.one(t, d)
	d.Windows, d.Total = per(20, time.Hour), 12
	check(t, "raised", s.ask(t, true, d)[0], Outcome{Fits: true, Cost: 12, Refill: time.Hour})
	d.Windows, d.Total = per(4, time.Hour), 1
	check(t, "lowered", s.one(t, d), Outcome{Cost: 1, Retry: 15 * time.Minute, Refill: time.Hour})
	d.Windows, d.Total = per(10, time.Hour), 2
	check(t, "raised again", s.one(t, d), Outcome{Fits: true, Cost: 2, Refill: time.Hour})
	d.Windows, d.Total = per(2, time.Hour), 1
	s.clock.add(30 * time.Minute)
	check(t, "lowered and waited", s.one(t, d), Outcome{Fits: true, Cost: 1, Refill: time.Hour})
}

func testNothing(t *testing.T, s subject) {
	d := Debit{Rule: "r", Key: "k", Windows: per(0, time.Hour), Total: 1}
	check(t, "new", s.one(t, d), Outcome{Cost: 1, Never: true})
	d.Windows = per(5, time.Hour)
	check(t, "raised", s.one(t, d), Outcome{Fits: true, Cost: 1, Remaining: 4, Refill: 12 * time.Minute})
	d.Windows = per(0, time.Hour)
	check(t, "nothing again", s.one(t, d), Outcome{Cost: 1, Never: true})
	d.Windows = per(5, time.Hour)
	if got := s.fitting(t, d); got != 4 {
		t.Errorf("%d fit", got)
	}
}

func testAllOrNothing(t *testing.T, s subject) {
	a := Debit{Rule: "a", Key: "k", Windows: per(3, time.Hour), Total: 1, Message: "m1"}
	b := Debit{Rule: "b", Key: "k", Windows: per(1, time.Hour), Total: 1, Message: "m1"}
	if o := s.charge(t, a, b); !o[0].Fits || !o[1].Fits {
		t.Fatalf("%+v", o)
	}
	a.Message, b.Message = "m2", "m2"
	for _, debits := range [][]Debit{{a, b}, {b, a}} {
		o := s.charge(t, debits...)
		for i, d := range debits {
			if o[i].Fits != (d.Rule == "a") || o[i].Cost != 1 {
				t.Fatalf("%s: %+v", d.Rule, o[i])
			}
		}
	}
	if got := s.room(t, a); got != 2 {
		t.Errorf("%d left: a refused call was charged", got)
	}
	if o := s.one(t, a); o.Cost != 1 {
		t.Errorf("a refused call was remembered as paid: %+v", o)
	}
}

func testTwice(t *testing.T, s subject) {
	d := Debit{Rule: "r", Key: "k", Windows: per(3, time.Hour), Total: 2}
	o := s.charge(t, d, d)
	check(t, "first of two", o[0], Outcome{Fits: true, Cost: 2, Remaining: 1, Refill: 40 * time.Minute})
	check(t, "second of two", o[1], Outcome{Cost: 2, Remaining: 1, Retry: 20 * time.Minute, Refill: 40 * time.Minute})
	if got := s.room(t, d); got != 3 {
		t.Fatalf("%d left after a refused call", got)
	}
	d.Total = 1
	o = s.charge(t, d, d, d)
	check(t, "third of three", o[2], Outcome{Fits: true, Cost: 1, Refill: time.Hour})
	if got := s.room(t, d); got != 0 {
		t.Errorf("%d left", got)
	}
	u := Debit{Rule: "u", Key: "k", Windows: per(10, time.Hour), Unit: "a@example.org", Message: "m"}
	o = s.charge(t, u, u)
	if o[0].Cost != 1 || o[1].Cost != 0 || s.room(t, u) != 9 {
		t.Errorf("the same recipient twice: %+v", o)
	}
	m := Debit{Rule: "m", Key: "k", Windows: per(10, time.Hour), Total: 3, Message: "m"}
	more := m
	more.Total = 5
	o = s.charge(t, m, more)
	if o[0].Cost != 3 || o[1].Cost != 2 || s.room(t, m) != 5 {
		t.Errorf("the same message twice: %+v", o)
	}
	soft := Debit{Rule: "s", Key: "k", Windows: per(1, time.Hour), Total: 1, Soft: true}
	o = s.charge(t, soft, soft)
	if !o[0].Fits || o[1].Fits || s.room(t, soft) != 0 {
		t.Errorf("soft twice: %+v", o)
	}
}

func testSoft(t *testing.T, s subject) {
	soft := Debit{Rule: "soft", Key: "k", Windows: per(1, time.Hour), Total: 1, Soft: true}
	hard := Debit{Rule: "hard", Key: "k", Windows: per(2, time.Hour), Total: 1}
	s.charge(t, soft, hard)
	soft.Message, hard.Message = "m", "m"
	o := s.charge(t, soft, hard)
	if o[0].Fits || o[0].Retry == 0 || !o[1].Fits {
		t.Fatalf("%+v", o)
	}
	o = s.charge(t, soft, hard)
	if o[0].Fits || o[0].Cost != 1 || !o[1].Fits || o[1].Cost != 0 {
		t.Fatalf("a soft limit was remembered as paid, or a hard one was not: %+v", o)
	}
	other := Debit{Rule: "soft", Key: "other", Windows: per(1, time.Hour), Total: 1, Soft: true}
	hard.Message = ""
	if o := s.charge(t, other, hard); o[1].Fits {
		t.Fatalf("%+v", o)
	}
	if got := s.room(t, other); got != 1 {
		t.Error("a soft limit was charged for what a hard one refused")
	}
	soft.Total = 5
	if o := s.one(t, soft); !o.Never || o.Fits {
		t.Errorf("%+v", o)
	}
}

func testNever(t *testing.T, s subject) {
	d := Debit{Rule: "r", Key: "k", Windows: []Window{{100, time.Hour}, {50, time.Minute}}, Total: 51}
	check(t, "above the second", s.one(t, d), Outcome{Cost: 51, Never: true, Window: 1, Remaining: 50})
	d.Total = 100
	check(t, "still", s.one(t, d), Outcome{Cost: 100, Never: true, Window: 1, Remaining: 50})
	d.Total = 101
	check(t, "above both", s.one(t, d), Outcome{Cost: 101, Never: true, Window: 0, Remaining: 100})
	d.Total = 50
	check(t, "just not", s.one(t, d), Outcome{Fits: true, Cost: 50, Window: 1, Refill: time.Minute})
	d.Total, d.Message = 60, "m"
	check(t, "never before not now", s.one(t, d), Outcome{Cost: 60, Never: true, Window: 1, Refill: time.Minute})
}

func testPeek(t *testing.T, s subject) {
	d := Debit{Rule: "r", Key: "k", Windows: per(2, time.Hour), Total: 1, Message: "m"}
	u := Debit{Rule: "u", Key: "k", Windows: per(2, time.Hour), Unit: "a", Message: "m"}
	for range 5 {
		o := s.ask(t, true, d, u)
		for i := range o {
			check(t, "peek", o[i], Outcome{Fits: true, Cost: 1, Remaining: 1, Refill: 30 * time.Minute})
		}
	}
	s.charge(t, d, u)
	o := s.ask(t, true, d, u)
	for i := range o {
		check(t, "after the charge", o[i], Outcome{Fits: true, Remaining: 1, Refill: 30 * time.Minute})
	}
	d.Message = ""
	s.one(t, d)
	s.clock.add(10 * time.Minute)
	for range 2 { // the counter does not move either
		check(t, "refused", s.ask(t, true, d)[0], Outcome{Cost: 1, Retry: 20 * time.Minute, Refill: 50 * time.Minute})
	}
}

func testFree(t *testing.T, s subject) {
	d := Debit{Rule: "r", Key: "k", Windows: per(1, time.Hour), Total: 1}
	s.one(t, d)
	d.Total = 0
	check(t, "nothing", s.one(t, d), Outcome{Fits: true, Refill: time.Hour})
	d.Total = -5
	check(t, "less than nothing", s.one(t, d), Outcome{Fits: true, Refill: time.Hour})
	d.Windows, d.Total = nil, 3
	check(t, "no windows", s.one(t, d), Outcome{Fits: true, Cost: 3})
	if o := s.charge(t); len(o) != 0 {
		t.Error(o)
	}
}

func testApart(t *testing.T, s subject) {
	d := Debit{Rule: "r", Key: "k", Windows: per(1, time.Hour), Total: 1}
	s.one(t, d)
	for name, other := range map[string]Debit{
		"rule": {Rule: "q", Key: "k", Windows: d.Windows, Total: 1},
		"key":  {Rule: "r", Key: "l", Windows: d.Windows, Total: 1},
		"both": {Rule: "rk", Key: "k", Windows: d.Windows, Total: 1},
		"per":  {Rule: "r", Key: "k", Windows: per(1, time.Minute), Total: 1},
	} {
		if o := s.one(t, other); !o.Fits {
			t.Errorf("another %s: %+v", name, o)
		}
	}
	if o := s.one(t, d); o.Fits {
		t.Error("the first was forgotten")
	}
}

func testStrangeStrings(t *testing.T, s subject) {
	for _, key := range []string{"\x00", "\xff\xfe", "{x}", "a\r\nb", "a|b", string(make([]byte, 100_000))} {
		d := Debit{Rule: "r|", Key: key, Windows: per(1, time.Hour), Unit: key, Message: key}
		if o := s.one(t, d); !o.Fits || o.Cost != 1 {
			t.Errorf("%.20q: %+v", key, o)
		}
		if o := s.one(t, d); !o.Fits || o.Cost != 0 {
			t.Errorf("%.20q again: %+v", key, o)
		}
		d.Message += "x"
		if o := s.one(t, d); o.Fits {
			t.Errorf("%.20q of another message: %+v", key, o)
		}
	}
}

func testNoSense(t *testing.T, s subject) {
	for name, d := range map[string]Debit{
		"empty key":             {Rule: "r", Windows: per(1, time.Hour), Total: 1},
		"no time":               {Rule: "r", Key: "k", Windows: per(1, 0), Total: 1},
		"negative limit":        {Rule: "r", Key: "k", Windows: per(-1, time.Hour), Total: 1},
		"two windows of a kind": {Rule: "r", Key: "k", Windows: []Window{{1, time.Hour}, {2, time.Hour}}, Total: 1},
	} {
		if err := s.store.Charge(t.Context(), []Debit{d}, make([]Outcome, 1), false); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// testClockBack: who is refused waits no longer than the window says.
func testClockBack(t *testing.T, s subject) {
	d := Debit{Rule: "r", Key: "k", Windows: per(4, time.Hour), Total: 1}
	s.fitting(t, d)
	s.clock.add(-48 * time.Hour)
	check(t, "two days back", s.one(t, d), Outcome{Cost: 1, Retry: 15 * time.Minute, Refill: time.Hour})
	s.clock.add(15 * time.Minute)
	if o := s.one(t, d); !o.Fits {
		t.Errorf("15 minutes later: %+v", o)
	}
	s.clock.add(time.Hour)
	if got := s.fitting(t, d); got != 4 {
		t.Errorf("%d fit an hour later", got)
	}
}

func testClockForwards(t *testing.T, s subject) {
	d := Debit{Rule: "r", Key: "k", Windows: per(4, time.Hour), Total: 1}
	for _, jump := range []time.Duration{48 * time.Hour, 10 * 366 * 24 * time.Hour} {
		if got := s.fitting(t, d); got != 4 {
			t.Errorf("%d fit before %v", got, jump)
		}
		s.clock.add(jump)
	}
	if got := s.fitting(t, d); got != 4 {
		t.Errorf("%d fit in the end", got)
	}
}
