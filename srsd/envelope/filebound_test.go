package envelope

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

// TestRenewalIsNotWritten: the row stays as it is within the day, and is
// written again when it is older, changed, or deleted by whomsoever.
func TestRenewalIsNotWritten(t *testing.T) {
	const address = "test@otherdomain.com"
	for _, test := range []struct {
		name    string
		exact   bool
		pass    time.Duration
		between string
		written bool
	}{
		{"at once", false, 0, "", false},
		{"within the day", false, 24*time.Hour - time.Second, "", false},
		{"a day later", false, 24 * time.Hour, "", true},
		{"deleted", false, 0, "DELETE FROM kv", true},
		{"shortened", false, 0, "UPDATE kv SET lt = 1577836860 + 1814400", true},
		{"changed", false, 0, "UPDATE kv SET v = 'x'", true},
		{"exact", true, time.Second, "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "senders.db")
			c := newClock()
			s := subject{open(t, "sqlite:"+path, Options{Now: c.Now, Exact: test.exact}), c.add}
			s.put(t, address)
			db := plainly(t, path)
			if test.between != "" {
				execute(t, db, test.between)
			}
			execute(t, db, "CREATE TABLE writes (n); CREATE TRIGGER count AFTER INSERT ON kv BEGIN INSERT INTO writes VALUES (1); END")
			s.pass(test.pass)
			for range 3 {
				s.put(t, address)
			}
			want := 0
			if test.written {
				want = 1
			}
			if test.exact {
				want = 3
			}
			var n int
			if err := db.Get(&n, "SELECT count(*) FROM writes"); err != nil || n != want {
				t.Errorf("written %d times, %v; want %d", n, err, want)
			}
			s.gives(t, Alias(address), address)
		})
	}
}

// TestSweep deletes more than one batch, and nothing that lives.
func TestSweep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "senders.db")
	c := newClock()
	s := subject{open(t, "sqlite:"+path, Options{Now: c.Now}), c.add}
	s.put(t, "alive@example.com")
	db := plainly(t, path)
	execute(t, db, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1700)
		INSERT INTO kv SELECT 'k' || i, 'v', ? FROM n`, c.Now().Unix())
	if n, err := s.Len(t.Context()); n != 1701 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if err := s.tend(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Len(t.Context()); n != 1 || err != nil {
		t.Errorf("%d left, %v", n, err)
	}
	s.gives(t, Alias("alive@example.com"), "alive@example.com")
}

func TestFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "senders.db")
	c := newClock()
	s := subject{open(t, "sqlite:"+path, Options{Now: c.Now, MaxEntries: 3}), c.add}
	const day = 24 * time.Hour
	for i := range 3 {
		s.put(t, fmt.Sprintf("%d@example.com", i))
		s.pass(2 * day)
	}
	const more = "more@example.com"
	for range 2 {
		err := s.Put(t.Context(), Alias(more), more)
		fails(t, err, "envelope store: put: store is full: 3 senders")
		if !errors.Is(err, ErrFull) {
			t.Errorf("%v is not ErrFull", err)
		}
	}
	s.gives(t, Alias(more), "")
	s.put(t, "1@example.com") // a renewal
	s.gives(t, Alias("1@example.com"), "1@example.com")

	s.pass(18 * day) // the first one expires
	s.put(t, more)
	s.gives(t, Alias(more), more)
	fails(t, s.Put(t.Context(), Alias("x@y"), "x@y"), "store is full: 3 senders")

	execute(t, plainly(t, path), "DELETE FROM kv WHERE v = ?", more) // by another program
	fails(t, s.Put(t.Context(), Alias("x@y"), "x@y"), "store is full")
	s.pass(fullPause)
	s.put(t, "x@y")

	s.Close()
	s = subject{open(t, "sqlite:"+path, Options{Now: c.Now, MaxEntries: 3}), c.add}
	fails(t, s.Put(t.Context(), Alias(more), more), "store is full: 3 senders")
	s.pass(-365 * day) // a clock that is set back
	fails(t, s.Put(t.Context(), Alias(more), more), "store is full: 3 senders")
}
