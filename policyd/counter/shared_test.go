package counter

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"postern/internal/redisserver"
)

// TestSharedConformance: with Redis away from the start, and one host.
func TestSharedConformance(t *testing.T) {
	testStore(t, 0, func(t *testing.T, now *clock) Store {
		return shareAt(t, "redis://127.0.0.1:1", now, SharedOptions{}).Shared
	})
}

// TestSharedAwayAndBack is the whole way there and back of two hosts.
func TestSharedAwayAndBack(t *testing.T) {
	now := newClock()
	mini := startMini(t, now)
	at := "redis://" + mini.server.Addr()
	a, b := shareAt(t, at, now, SharedOptions{}), shareAt(t, at, now, SharedOptions{})
	for range 2 {
		a.rounds(t, true)
		b.rounds(t, true)
	}
	a.logged(t, "hosts=2")
	b.logged(t, "hosts=2")
	sa, sb := subject{store: a, clock: now}, subject{store: b, clock: now}
	d := Debit{Rule: "r", Key: "k", Windows: per(10, 24*time.Hour), Total: 1}
	for range 2 {
		sa.one(t, d)
	}
	if o := sb.one(t, d); o.Remaining != 7 {
		t.Errorf("counted apart: %+v", o)
	}

	mini.server.Close()
	if got := sa.fitting(t, d); got != 5 {
		t.Errorf("%d fit while Redis is away, the share is 5", got)
	}
	if o := sa.one(t, d); o.Fits || o.Never || o.Retry == 0 {
		t.Errorf("%+v", o)
	}
	sb.one(t, d)
	a.rounds(t, false)
	a.logged(t, "Redis is away")
	b.logged(t, "Redis is away")
	a.counts(t, 0, 2, 7, 0)

	if err := mini.server.Restart(); err != nil {
		t.Fatal(err)
	}
	mini.tick()
	a.rounds(t, true)
	a.logged(t, "Redis is back")
	a.counts(t, 1, 2, 7, 1)
	if o := sa.one(t, d); !o.Fits || o.Remaining != 1 { // 3 before, 5 meanwhile, this one
		t.Errorf("after the return of one: %+v", o)
	}
	b.rounds(t, true)
	if o := sb.one(t, d); o.Fits || o.Remaining != 0 {
		t.Errorf("after the return of both: %+v", o)
	}
	a.rounds(t, true)
	if o := sa.one(t, d); o.Fits || o.Remaining != 0 {
		t.Errorf("in the end: %+v", o)
	}
	a.counts(t, 1, 2, 7, 1)
	if keys := strings.Join(mini.server.Keys(), " "); strings.Count(keys, "}1:b:") != 2 {
		t.Errorf("two hosts have added a batch each, and yet: %s", keys)
	}
}

// TestSharedStateLost: Redis is back without what it knew.
func TestSharedStateLost(t *testing.T) {
	now := newClock()
	mini := startMini(t, now)
	h := shareAt(t, "redis://"+mini.server.Addr(), now, SharedOptions{})
	s := subject{store: h, clock: now}
	d := Debit{Rule: "r", Key: "k", Windows: per(10, time.Hour), Total: 4}
	s.one(t, d)
	mini.server.Close()
	s.one(t, d)
	now.add(15 * time.Minute) // 2.5 drain
	mini.server.FlushAll()
	mini.server.Restart()
	mini.tick()
	h.rounds(t, true)
	d.Total = 0
	if o := s.one(t, d); o.Remaining != 8 {
		t.Errorf("%+v: 2 of 4 units are left, rounded up", o)
	}
}

// TestSharedStateLostByTwo: what each host spent is added, although each knows
// its share of the limit only.
func TestSharedStateLostByTwo(t *testing.T) {
	now := newClock()
	mini := startMini(t, now)
	at := "redis://" + mini.server.Addr()
	a, b := shareAt(t, at, now, SharedOptions{}), shareAt(t, at, now, SharedOptions{})
	for range 2 {
		a.rounds(t, true)
		b.rounds(t, true)
	}
	sa, sb := subject{store: a, clock: now}, subject{store: b, clock: now}
	d := Debit{Rule: "r", Key: "k", Windows: per(10, time.Hour), Total: 1}
	mini.server.Close()
	if fa, fb := sa.fitting(t, d), sb.fitting(t, d); fa != 5 || fb != 5 {
		t.Errorf("%d and %d fit while Redis is away, the share is 5", fa, fb)
	}
	mini.server.FlushAll()
	mini.server.Restart()
	mini.tick()
	a.rounds(t, true)
	b.rounds(t, true)
	if o := sa.one(t, d); o.Fits || o.Remaining != 0 || o.Retry != 6*time.Minute {
		t.Errorf("after both shares: %+v", o)
	}
	now.add(12 * time.Minute)
	mini.tick()
	if o := sb.one(t, d); !o.Fits || o.Remaining != 1 {
		t.Errorf("when two have drained: %+v", o)
	}
}

// TestSharedCap: what is added blocks nobody for longer than the window.
func TestSharedCap(t *testing.T) {
	now := newClock()
	mini := startMini(t, now)
	h := shareAt(t, "redis://"+mini.server.Addr(), now, SharedOptions{})
	s := subject{store: h, clock: now}
	d := Debit{Rule: "r", Key: "k", Windows: per(10, time.Hour), Total: 10}
	s.one(t, d)
	mini.server.Close()
	s.one(t, d)
	mini.server.Restart()
	mini.tick()
	h.rounds(t, true)
	if o := s.one(t, d); o.Fits || o.Retry != time.Hour {
		t.Errorf("%+v", o)
	}
	now.add(time.Hour)
	mini.tick()
	if o := s.one(t, d); !o.Fits {
		t.Errorf("an hour later: %+v", o)
	}
}

// TestSharedHosts: those that were seen within a minute, and a hint at a
// secret that differs.
func TestSharedHosts(t *testing.T) {
	now := newClock()
	mini := startMini(t, now)
	at := "redis://" + mini.server.Addr()
	var hosts []host
	for range 3 {
		h := shareAt(t, at, now, SharedOptions{Host: "mx"})
		h.rounds(t, true)
		hosts = append(hosts, h)
	}
	if got := hosts[2].Hosts(); got != 3 {
		t.Errorf("%d hosts", got)
	}
	hosts[0].leave(t.Context())
	hosts[2].rounds(t, true)
	if got := hosts[2].Hosts(); got != 2 {
		t.Errorf("%d hosts after one left", got)
	}
	now.add(61 * time.Second)
	mini.tick()
	hosts[2].rounds(t, true)
	if got := hosts[2].Hosts(); got != 1 {
		t.Errorf("%d hosts after a minute", got)
	}
	hosts[1].rounds(t, true) // and it is not heard of again
	now.add(-24 * time.Hour)
	mini.tick()
	hosts[2].rounds(t, true)
	if got := hosts[2].Hosts(); got != 1 {
		t.Errorf("%d hosts after the clock went back", got)
	}
	other := redisAt(t, at, redisserver.Options{})
	other.names = newNames([]byte("another secret"))
	stranger := shareAt(t, at, now, SharedOptions{Redis: other})
	stranger.rounds(t, true)
	stranger.rounds(t, true)
	stranger.logged(t, "use another secret")
	if got := stranger.Hosts(); got != 1 {
		t.Errorf("%d hosts of that secret", got)
	}
}

// TestShare: limits and costs in a share.
func TestShare(t *testing.T) {
	for _, test := range []struct{ n, hosts, want int64 }{{10, 1, 10}, {10, 3, 3}, {2, 3, 1}, {0, 3, 0}, {1, 1, 1}} {
		if got := share(test.n, test.hosts); got != test.want {
			t.Errorf("share of %d among %d: %d, want %d", test.n, test.hosts, got, test.want)
		}
	}
	h := shareAt(t, "redis://127.0.0.1:1", newClock(), SharedOptions{})
	h.hosts.Store(4)
	s := subject{store: h}
	d := Debit{Rule: "r", Key: "k", Windows: []Window{{1000, time.Minute}, {100, time.Hour}}, Total: 26}
	if o := s.one(t, d); o.Fits || o.Never || o.Retry != time.Minute {
		t.Errorf("above the share: %+v", o)
	}
	d.Total = 101
	if o := s.one(t, d); o.Fits || !o.Never || o.Retry != 0 {
		t.Errorf("above the limit: %+v", o)
	}
	d.Total = 25
	if o := s.one(t, d); !o.Fits || o.Remaining != 0 || o.Window != 1 {
		t.Errorf("the share: %+v", o)
	}
	if w := d.Windows[1]; w.N != 100 {
		t.Errorf("the asker's windows were changed: %v", w)
	}
}

// TestSharedGivenUp: an asker who goes away is no trouble of Redis.
func TestSharedGivenUp(t *testing.T) {
	now := newClock()
	mini := startMini(t, now)
	h := shareAt(t, "redis://"+mini.server.Addr(), now, SharedOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d := Debit{Rule: "r", Key: "k", Windows: per(3, time.Hour), Total: 1}
	if err := h.Charge(ctx, []Debit{d}, make([]Outcome, 1), false); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	d.Key = ""
	if err := h.Charge(t.Context(), []Debit{d}, make([]Outcome, 1), false); err == nil {
		t.Error("an empty key is no error")
	}
	if !h.Up() {
		t.Error("away")
	}
}

// TestSharedHammer: two hosts let exactly the limit through.
func TestSharedHammer(t *testing.T) {
	server := miniredis.RunT(t)
	var stores [2]subject
	for i := range stores {
		stores[i] = subject{store: shareAt(t, "redis://"+server.Addr(), nil, SharedOptions{})}
	}
	if got := hammerBoth(t, stores[:]); got != 100 {
		t.Errorf("%d fit, the limit is 100", got)
	}
}
