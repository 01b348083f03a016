package envelope

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// upkeepScript is an upkeep whose rounds fail as told.
type upkeepScript struct {
	fails  func(round int) bool
	rounds []time.Duration // when they were
	began  time.Time
	closed int
}

func (u *upkeepScript) tend(context.Context) error {
	u.rounds = append(u.rounds, time.Since(u.began))
	if u.fails(len(u.rounds)) {
		return errors.New("out of order")
	}
	return nil
}

func (u *upkeepScript) count(context.Context) (int64, error) { return 0, nil }

func (u *upkeepScript) close() error {
	u.closed++
	return nil
}

// TestUpkeep: at once, then every hour; every minute while it fails, which is
// told once, as is the end of it.
func TestUpkeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		u := &upkeepScript{began: time.Now(), fails: func(round int) bool { return round == 2 || round == 3 }}
		ctx, stop := context.WithCancel(t.Context())
		s := &Store{
			upkeep: u, where: "sqlite:/x", entries: new(atomic.Int64), stop: stop, done: make(chan struct{}),
			options: Options{Log: slog.New(slog.NewTextHandler(&log, nil))},
		}
		go s.tendForever(ctx)
		time.Sleep(3 * time.Hour)
		if err := errors.Join(s.Close(), s.Close()); err != nil || u.closed != 1 {
			t.Errorf("closed %d times, %v", u.closed, err)
		}
		want := []time.Duration{0, time.Hour, time.Hour + time.Minute, time.Hour + 2*time.Minute, 2*time.Hour + 2*time.Minute}
		if len(u.rounds) != len(want) {
			t.Fatalf("rounds %v, want %v", u.rounds, want)
		}
		for i := range want {
			if u.rounds[i] != want[i] {
				t.Errorf("rounds %v, want %v", u.rounds, want)
			}
		}
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 2 || !strings.Contains(lines[0], "upkeep fails") || !strings.Contains(lines[0], "out of order") || !strings.Contains(lines[1], "works again") {
			t.Errorf("log:\n%s", log.String())
		}
	})
}

// TestOutliving: the numbers of the package comment.
func TestOutliving(t *testing.T) {
	const validity = 22 * 24 * time.Hour // of an SRS address, at most
	o := Options{}.withDefaults()
	if o.Lifetime-o.Renew <= validity {
		t.Errorf("a row may end %v after it was last needed, an address lives %v", o.Lifetime-o.Renew, validity)
	}
	if exact := (Options{Exact: true}).withDefaults(); exact.Lifetime != 1814400*time.Second || exact.Renew != 0 {
		t.Errorf("exact: %v, %v", exact.Lifetime, exact.Renew)
	}
}

func TestCauseIsBounded(t *testing.T) {
	got := cause(errors.New(strings.Repeat("ä", 500) + "\n\x1b[31m"))
	if len(got) > 204 || strings.ContainsAny(got, "\n\x1b") {
		t.Errorf("%d bytes: %q", len(got), got)
	}
	if got := cause(errors.New("a\nb\x1b\x7f")); got != "a b  " {
		t.Errorf("%q", got)
	}
}
