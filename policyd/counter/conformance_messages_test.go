package counter

import (
	"testing"
	"time"
)

func testOncePerMessage(t *testing.T, s subject) {
	d := Debit{Rule: "r", Key: "k", Windows: per(2, time.Hour), Total: 1, Message: "m1"}
	s.one(t, d)
	check(t, "again", s.one(t, d), Outcome{Fits: true, Remaining: 1, Refill: 30 * time.Minute})
	s.clock.add(59 * time.Minute)
	if o := s.one(t, d); o.Cost != 0 {
		t.Errorf("an hour later: %+v", o)
	}
	s.clock.add(59 * time.Minute)
	if o := s.one(t, d); o.Cost != 0 {
		t.Errorf("an hour after it was asked about: %+v", o)
	}
	d.Message = "m2"
	if o := s.one(t, d); o.Cost != 1 {
		t.Errorf("another message: %+v", o)
	}
	s.clock.add(3 * time.Hour)
	d.Rule = "other" // somebody must come by, for a store may forget only then
	s.one(t, d)
	s.clock.add(3 * time.Hour)
	s.one(t, d)
	d.Rule = "r"
	if o := s.one(t, d); o.Cost != 1 {
		t.Errorf("never forgotten: %+v", o)
	}
}

func testTopUp(t *testing.T, s subject) {
	d := Debit{Rule: "r", Key: "k", Windows: per(10, time.Hour), Message: "m"}
	for i, unit := range []string{"a@example.org", "b@example.org", "a@example.org"} {
		d.Unit, d.Total = unit, 99
		if o := s.one(t, d); !o.Fits || (o.Cost == 1) != (i < 2) {
			t.Fatalf("recipient %d: %+v", i, o)
		}
	}
	d.Unit, d.Total = "", 5
	check(t, "topped up", s.one(t, d), Outcome{Fits: true, Cost: 3, Remaining: 5, Refill: 30 * time.Minute})
	check(t, "again", s.one(t, d), Outcome{Fits: true, Remaining: 5, Refill: 30 * time.Minute})
	d.Total = 2
	check(t, "less", s.one(t, d), Outcome{Fits: true, Remaining: 5, Refill: 30 * time.Minute})
	d.Unit = "c@example.org"
	check(t, "a new recipient after that", s.one(t, d), Outcome{Fits: true, Cost: 1, Remaining: 4, Refill: 36 * time.Minute})
	d.Unit, d.Total = "", 6
	check(t, "which was added", s.one(t, d), Outcome{Fits: true, Remaining: 4, Refill: 36 * time.Minute})
}

func testRefusedNotPaid(t *testing.T, s subject) {
	d := Debit{Rule: "r", Key: "k", Windows: per(2, time.Hour), Unit: "a", Message: "m"}
	s.one(t, d)
	d.Unit = "b"
	s.one(t, d)
	d.Unit = "c"
	for range 2 {
		check(t, "third", s.one(t, d), Outcome{Cost: 1, Retry: 30 * time.Minute, Refill: time.Hour})
	}
	d.Unit = "a"
	check(t, "one that was paid", s.one(t, d), Outcome{Fits: true, Refill: time.Hour})
	s.clock.add(30 * time.Minute)
	d.Unit = "c"
	check(t, "third, later", s.one(t, d), Outcome{Fits: true, Cost: 1, Refill: time.Hour})
}

func testNoMessage(t *testing.T, s subject) {
	d := Debit{Rule: "r", Key: "k", Windows: per(10, time.Hour), Total: 2}
	s.one(t, d)
	if o := s.one(t, d); o.Cost != 2 || o.Remaining != 6 {
		t.Errorf("%+v", o)
	}
	d.Unit = "a"
	s.one(t, d)
	if o := s.one(t, d); o.Cost != 1 || o.Remaining != 4 {
		t.Errorf("%+v", o)
	}
}
