package counter

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// TestRounds: every 5 s while Redis is up, every 250 ms while it is away, less
// and less often when it goes away again at once.
func TestRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rounds{pause: probeEvery}
		next := func(up bool, want time.Duration) {
			t.Helper()
			if got := r.next(up); got != want {
				t.Errorf("up=%v: %v, want %v", up, got, want)
			}
		}
		next(false, 250*time.Millisecond)
		next(false, 250*time.Millisecond)
		next(true, 5*time.Second)
		time.Sleep(20 * time.Second)
		next(true, 5*time.Second)
		next(false, 250*time.Millisecond)
		for want := 500 * time.Millisecond; want <= 8*time.Second; want *= 2 {
			next(true, 5*time.Second)
			time.Sleep(5 * time.Second)
			next(false, want)
			next(false, want)
		}
		next(true, 5*time.Second)
		next(false, 8*time.Second)
		next(true, 5*time.Second)
		time.Sleep(20 * time.Second)
		next(false, 250*time.Millisecond)
	})
}

// TestSharedRun: there, away, back, and off the list at the end.
func TestSharedRun(t *testing.T) {
	server := miniredis.RunT(t)
	h := shareAt(t, "redis://"+server.Addr(), nil, SharedOptions{})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- h.Run(ctx) }()
	until := func(what string, is func() bool) {
		t.Helper()
		for end := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("not in a minute: " + what)
			}
		}
	}
	until("a heartbeat", func() bool { return server.Exists(hostsName) })
	server.Close()
	d := Debit{Rule: "r", Key: "k", Windows: per(10, time.Hour), Total: 1}
	subject{store: h}.one(t, d)
	if h.Up() {
		t.Error("up")
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	until("Redis is back", func() bool { return h.Up() && strings.Contains(h.log.String(), "is back") })
	h.logged(t, "Redis is away", "Redis is back")
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if server.Exists(hostsName) {
		t.Error("is still on the list")
	}
}
