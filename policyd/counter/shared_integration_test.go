//go:build integration

package counter

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
)

// budget is longer than DefaultBudget, so that a Redis which is not away keeps
// it on a busy machine, too.
const budget = time.Second

// running is a host with that budget whose Run goes until the test ends.
func running(t *testing.T, at string) host {
	t.Helper()
	h := shareAt(t, at, nil, SharedOptions{Budget: budget})
	h.keepRunning(t)
	return h
}

// keepRunning has Run go until the test ends.
func (h host) keepRunning(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := h.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { stop(); <-done })
}

// decided is one decision, and how long it took.
func decided(t *testing.T, s Store, d Debit) (Outcome, time.Duration) {
	t.Helper()
	o, began := make([]Outcome, 1), time.Now()
	if err := s.Charge(t.Context(), []Debit{d}, o, false); err != nil {
		t.Fatal(err)
	}
	return o[0], time.Since(began)
}

// decidedByRedis asks until Redis decides: on a busy machine an answer may take
// longer than the budget.
func (h host) decidedByRedis(t *testing.T, d Debit) (o Outcome) {
	t.Helper()
	eventually(t, "Redis decides", func() bool {
		before := testutil.ToFloat64(h.Shared.metrics.decided)
		o, _ = decided(t, h, d)
		return testutil.ToFloat64(h.Shared.metrics.decided) == before
	})
	return o
}

func everyDay(n int64) Debit {
	return Debit{Rule: "r", Key: "k", Windows: per(n, 24*time.Hour), Total: 1}
}

// TestRealSharedHammer: two processes, 20 clients each, one limit.
func TestRealSharedHammer(t *testing.T) {
	server := scratchtest.Redis(t, scratch.RedisOptions{})
	var stores []subject
	for range 2 {
		stores = append(stores, subject{store: shareAt(t, "redis://"+server.Addr(), nil, SharedOptions{})})
	}
	if got := hammerBoth(t, stores); got != 100 {
		t.Errorf("%d fit, the limit is 100", got)
	}
}

// TestRealSharedKilled: Redis is killed and comes back with nothing, twice.
func TestRealSharedKilled(t *testing.T) {
	server := scratchtest.Redis(t, scratch.RedisOptions{})
	h := running(t, "redis://"+server.Addr())
	s, d := subject{store: h}, everyDay(100)
	for range 2 {
		peek := d
		peek.Total = 0
		eventually(t, "Redis is used", func() bool { s.one(t, peek); return h.Up() })
		s.one(t, d)
		server.Kill()
		for range 10 {
			s.one(t, d)
		}
		if h.Up() {
			t.Error("up, and Redis is dead")
		}
		if err := server.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		eventually(t, "Redis is back", h.Up)
		if o := h.decidedByRedis(t, peek); o.Remaining != 90 {
			t.Errorf("%+v after 10 in memory", o)
		}
	}
}

// TestRealSharedStopped: a Redis that hangs costs the budget once, and then
// nothing; its state is kept and what was spent is added.
func TestRealSharedStopped(t *testing.T) {
	server := scratchtest.Redis(t, scratch.RedisOptions{})
	h := running(t, "redis://"+server.Addr())
	s, d := subject{store: h}, everyDay(1000)
	peek := d
	peek.Total = 0
	eventually(t, "Redis is used", func() bool { s.one(t, peek); return h.Up() })
	s.one(t, d)
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	defer server.Resume()
	hammer(t, s, 20, 1, func(int, int) []Debit { return []Debit{d} })
	if h.Up() {
		t.Error("up, and Redis hangs")
	}
	var took []time.Duration
	for range 200 {
		_, one := decided(t, h, d)
		took = append(took, one)
		time.Sleep(5 * time.Millisecond) // for several probes to hang
	}
	slices.Sort(took)
	t.Logf("median %v, longest %v", took[100], took[199])
	if took[100] > h.budget/4 {
		t.Errorf("decisions wait for a Redis that is known to be away: %v", took[100])
	}
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "Redis is back", h.Up)
	// The 20 that hung may have been charged by Redis when it went on.
	if o := h.decidedByRedis(t, peek); o.Remaining > 1000-221 || o.Remaining < 1000-241 {
		t.Errorf("%+v", o)
	}
}

// TestRealSharedOvershoot: two hosts are hammered while Redis hangs, twice; no
// more than the limit is let through, and besides a share each time that a host
// was on its own, which on a busy machine is more often than Redis hung.
func TestRealSharedOvershoot(t *testing.T) {
	server := scratchtest.Redis(t, scratch.RedisOptions{})
	var hosts []host
	for range 2 {
		hosts = append(hosts, shareAt(t, "redis://"+server.Addr(), nil, SharedOptions{Budget: budget}))
	}
	for i := range 4 { // both know of both
		hosts[i%2].rounds(t, true)
	}
	for _, h := range hosts {
		if h.Hosts() != 2 {
			t.Fatalf("%d hosts", h.Hosts())
		}
		h.keepRunning(t)
	}
	const limit = 200
	var fit atomic.Int64
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for _, h := range hosts {
		for range 10 {
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					if o, _ := decided(t, h, everyDay(limit)); o.Fits {
						fit.Add(1)
					}
					time.Sleep(time.Millisecond)
				}
			})
		}
	}
	eventually(t, "the limit is reached", func() bool { return fit.Load() >= limit })
	for range 2 {
		if err := server.Pause(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "both are on their own", func() bool { return !hosts[0].Up() && !hosts[1].Up() })
		time.Sleep(300 * time.Millisecond)
		if err := server.Resume(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "both are back", func() bool { return hosts[0].Up() && hosts[1].Up() })
	}
	close(stop)
	wg.Wait()
	shares := hosts[0].absences() + hosts[1].absences()
	if got := int(fit.Load()); got < 2*limit || got > limit+shares*limit/2 {
		t.Errorf("%d fit; the limit is %d, and %d shares of half as much besides", got, limit, shares)
	}
	d := everyDay(limit)
	for _, h := range hosts {
		if o := h.decidedByRedis(t, d); o.Fits {
			t.Errorf("%+v: more was let through than the limit, and there is room", o)
		}
	}
}

// TestRealSharedCluster: the node that has the counters is killed.
func TestRealSharedCluster(t *testing.T) {
	nodes := scratchtest.RedisCluster(t, 3)
	h := running(t, "redis+cluster://"+nodes[0].Addr()+","+nodes[1].Addr())
	s, d := subject{store: h}, everyDay(100)
	eventually(t, "the Cluster is used", func() bool { s.one(t, d); return h.Up() })
	slot, _ := scratchtest.RedisDo(t, nodes[0], "CLUSTER", "KEYSLOT", hostsName).(int64)
	owner := nodes[slot*3/16384]
	owner.Kill()
	if _, took := decided(t, h, d); took > 10*h.budget {
		t.Errorf("took %v", took)
	}
	if _, took := decided(t, h, d); h.Up() || took > h.budget {
		t.Errorf("up: %v, took %v", h.Up(), took)
	}
	if err := owner.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the Cluster is back", h.Up)
	d.Total = 0
	if o := h.decidedByRedis(t, d); o.Remaining != 98 {
		t.Errorf("%+v", o)
	}
}

// TestRealSharedManyCounters: more than one batch is added.
func TestRealSharedManyCounters(t *testing.T) {
	server := scratchtest.Redis(t, scratch.RedisOptions{})
	h := shareAt(t, "redis://"+server.Addr(), nil, SharedOptions{})
	s := subject{store: h}
	h.away(context.DeadlineExceeded)
	debit := func(i int) Debit {
		return Debit{Rule: "r", Key: fmt.Sprint("k", i), Windows: []Window{{10, 24 * time.Hour}, {100, 48 * time.Hour}}, Total: 3}
	}
	const keys = 2500
	for i := range keys {
		s.one(t, debit(i))
	}
	h.rounds(t, true)
	h.counts(t, 1, 1, keys, 2*keys)
	for i := range keys {
		d := debit(i)
		d.Total = 0
		if o := s.one(t, d); o.Remaining != 7 {
			t.Fatalf("%d: %+v", i, o)
		}
	}
}

// TestRealSharedStoppedWays: whatever leads to a Redis that hangs, a decision
// takes the budget at most, of a host that has spoken to it and of one that has not.
func TestRealSharedStoppedWays(t *testing.T) {
	for name, start := range map[string]func(*testing.T) (at string, servers []*scratch.Redis){
		"Cluster": func(t *testing.T) (string, []*scratch.Redis) {
			nodes := scratchtest.RedisCluster(t, 3)
			return "redis+cluster://" + nodes[0].Addr() + "," + nodes[1].Addr(), nodes
		},
		"Sentinel": func(t *testing.T) (string, []*scratch.Redis) {
			master := scratchtest.Redis(t, scratch.RedisOptions{})
			sentinel := scratchtest.RedisSentinel(t, master)
			return "redis+sentinel://" + sentinel.Addr() + "/mymaster", []*scratch.Redis{master, sentinel}
		},
		"socket": func(t *testing.T) (string, []*scratch.Redis) {
			server := scratchtest.Redis(t, scratch.RedisOptions{})
			return "redis:" + server.Socket(), []*scratch.Redis{server}
		},
	} {
		t.Run(name, func(t *testing.T) {
			at, servers := start(t)
			warm := running(t, at)
			d := everyDay(100)
			eventually(t, "Redis is used", func() bool { decided(t, warm, d); return warm.Up() })
			for _, s := range servers {
				if err := s.Pause(); err != nil {
					t.Fatal(err)
				}
				defer s.Resume()
			}
			cold := running(t, at)
			for name, h := range map[string]host{"warm": warm, "cold": cold} {
				if _, took := decided(t, h, d); took > 10*h.budget {
					t.Errorf("%s: took %v", name, took)
				}
				if _, took := decided(t, h, d); h.Up() || took > h.budget {
					t.Errorf("%s: up %v, took %v", name, h.Up(), took)
				}
			}
			for _, s := range servers {
				if err := s.Resume(); err != nil {
					t.Fatal(err)
				}
			}
			eventually(t, "Redis is back", func() bool { return warm.Up() && cold.Up() })
		})
	}
}
