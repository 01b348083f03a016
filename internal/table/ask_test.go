package table

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/lookup"
)

func TestOneFlightPerKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newFakeDB()
		tb := aged(t, db, "alias", 10*time.Second)
		db.set("alias", "new", "value")
		db.latency = 30 * time.Millisecond
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if got, _, err := outcome(lookup.WithFresh(t.Context()), tb, "new"); got != "found" {
					t.Error(got, err)
				}
			})
		}
		all.Wait()
		if n := db.gets.Load(); n != 1 {
			t.Errorf("%d questions for one key", n)
		}
	})
}

func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newFakeDB()
		tb := aged(t, db, "alias", 10*time.Second)
		fresh := lookup.WithFresh(t.Context())
		refused := 0
		for i := range 1000 {
			got, _, err := outcome(fresh, tb, fmt.Sprint("guess", i))
			switch {
			case errors.Is(err, errBudget) && got == "unsure":
				refused++
			case got != "not found":
				t.Fatal(got, err)
			}
		}
		if n := db.gets.Load(); n != 50 || refused != 950 {
			t.Errorf("%d questions, %d refused, want 50 and 950", n, refused)
		}
		time.Sleep(time.Second)
		for i := range 1000 {
			tb.Values(fresh, fmt.Sprint("more", i))
		}
		if n := db.gets.Load(); n != 100 {
			t.Errorf("%d questions within a second more, want 50", n-50)
		}
	})
}

// A miss past the budget is not believed, however young the table is: the
// database could have been asked.
func TestBudgetIsNoExcuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newFakeDB()
		tb := New("alias", db.source("alias"), Policy{MissAge: time.Minute, Budget: 1})
		loaded(t, tb, model{})
		time.Sleep(2 * time.Second)
		fresh := lookup.WithFresh(t.Context())
		tb.Values(fresh, "first")
		if got, _, err := outcome(fresh, tb, "second"); got != "unsure" {
			t.Error(got, err)
		}
	})
}

func TestNotFoundIsRememberedForASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newFakeDB()
		tb := aged(t, db, "alias", 10*time.Second)
		ask := func(ctx context.Context, want string, gets int64) {
			t.Helper()
			if got, _, err := outcome(ctx, tb, "nobody"); got != want || db.gets.Load() != gets {
				t.Errorf("%s after %d questions (%v), want %s after %d", got, db.gets.Load(), err, want, gets)
			}
		}
		ask(t.Context(), "unsure", 0)
		ask(lookup.WithFresh(t.Context()), "not found", 1)
		ask(t.Context(), "not found", 1)
		time.Sleep(time.Second)
		ask(lookup.WithFresh(t.Context()), "not found", 1)
		time.Sleep(time.Nanosecond)
		ask(t.Context(), "unsure", 1)
		ask(lookup.WithFresh(t.Context()), "not found", 2)
	})
}

func TestRecentIsBounded(t *testing.T) {
	var r recent
	now := time.Now()
	for i := range 100000 {
		r.put(fmt.Sprint(i), result{at: now})
	}
	r.put(strings.Repeat("x", recentKey+1), result{at: now})
	if n := len(r.young) + len(r.old); n > recentEntries {
		t.Errorf("%d keys remembered", n)
	}
	if _, ok := r.get("99999", now); !ok {
		t.Error("the last one is forgotten")
	}
}

func TestHangingDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newFakeDB()
		db.set("alias", "held", "value")
		tb := aged(t, db, "alias", 2*time.Minute)
		db.hang = make(chan struct{})
		start := time.Now()
		if got, _, err := outcome(t.Context(), tb, "held"); got != "found" {
			t.Errorf("held: %s, %v", got, err)
		}
		if got, _, err := outcome(lookup.WithFresh(t.Context()), tb, "nobody"); got != "unsure" {
			t.Errorf("nobody: %s, %v", got, err)
		}
		if d := time.Since(start); d > askTimeout {
			t.Errorf("took %v", d)
		}
		within, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		start = time.Now()
		if _, err := tb.Values(lookup.WithFresh(within), "other"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("impatient: %v", err)
		}
		if d := time.Since(start); d > 10*time.Millisecond {
			t.Errorf("impatient, but waited %v", d)
		}
		close(db.hang)
	})
}

type panicSource struct{}

func (panicSource) Load(context.Context, func(k, v []byte) error) error { panic("a bug") }
func (panicSource) Get(context.Context, string) ([]string, error)       { panic("a bug") }

func TestPanickingSource(t *testing.T) {
	tb := New("alias", panicSource{}, Policy{})
	k := NewKeeper(Options{}, nil, tb)
	if _, err := tb.Values(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), "a bug") {
		t.Errorf("Values: %v", err)
	}
	if err := k.Flush(t.Context(), "alias", ""); err == nil || !strings.Contains(err.Error(), "a bug") {
		t.Errorf("load: %v", err)
	}
}

func TestJoinedValuesComeApart(t *testing.T) {
	for _, values := range [][]string{{"a"}, {"a", "b"}, {"", ""}, {"a,b", "\x00\xff", strings.Repeat("x", 300)}} {
		got, err := split(join(values))
		if err != nil || fmt.Sprint(got) != fmt.Sprint(values) || len(got) != len(values) {
			t.Errorf("%q became %q, %v", values, got, err)
		}
	}
	for _, bad := range []string{"\x05abc", "\xff", strings.Repeat("\xff", 20)} {
		if _, err := split(bad); err == nil {
			t.Errorf("%q came apart", bad)
		}
	}
}
