package counter

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"postern/internal/logtest"
	"postern/internal/redisserver"
)

// host is one process that shares counters.
type host struct {
	*Shared
	log      *logtest.Log
	registry *prometheus.Registry
}

// absences is how often Redis was away since the log was taken.
func (h host) absences() (n int) {
	for line := range strings.Lines(h.log.Take()) {
		if strings.Contains(line, "Redis is away") {
			n++
		}
	}
	return n
}

// shareAt is a host at a server; its limits are generous unless a budget is given.
func shareAt(tb testing.TB, at string, now *clock, o SharedOptions) host {
	tb.Helper()
	h := host{log: new(logtest.Log), registry: prometheus.NewRegistry()}
	o.Log, o.Metrics = slog.New(slog.NewTextHandler(h.log, nil)), NewSharedMetrics(h.registry)
	if o.Redis == nil {
		o.Redis = redisAt(tb, at, redisserver.Options{})
	}
	if o.Local == nil && now != nil {
		o.Local = NewMemory(MemoryOptions{Now: now.Now})
	}
	generous := o.Budget == 0
	if generous {
		o.Budget = time.Minute
	}
	var err error
	if h.Shared, err = NewShared(o); err != nil {
		tb.Fatal(err)
	}
	if generous {
		h.answer = time.Minute
	}
	return h
}

// metrics checks the values of gauges and counters.
func (h host) counts(t *testing.T, up, hosts, local, added int) {
	t.Helper()
	m := h.Shared.metrics
	for name, pair := range map[string][2]float64{
		"up": {testutil.ToFloat64(m.up), float64(up)}, "hosts": {testutil.ToFloat64(m.hosts), float64(hosts)},
		"local decisions": {testutil.ToFloat64(m.decided), float64(local)}, "added": {testutil.ToFloat64(m.added), float64(added)},
	} {
		if pair[0] != pair[1] {
			t.Errorf("metric %s is %v, want %v", name, pair[0], pair[1])
		}
	}
}

func (h host) logged(t *testing.T, want ...string) {
	t.Helper()
	got := slices.Collect(strings.Lines(h.log.Take()))
	if len(got) != len(want) {
		t.Errorf("log %q, want %q", got, want)
		return
	}
	for i := range want {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("log %q, want %q", got[i], want[i])
		}
	}
}

func (h host) rounds(t *testing.T, want bool) {
	t.Helper()
	if got := h.round(t.Context()); got != want {
		t.Fatalf("the round says up=%v, want %v; log %q", got, want, h.log.Take())
	}
}

// hammerBoth has 20 clients at each store and returns what fitted.
func hammerBoth(t *testing.T, stores []subject) (fit int) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	for _, s := range stores {
		wg.Go(func() {
			n := hammer(t, s, 20, 10, func(client, i int) []Debit {
				return []Debit{{Rule: "r", Key: "k", Windows: per(100, 24*time.Hour), Total: 1}}
			})
			mu.Lock()
			fit += n
			mu.Unlock()
		})
	}
	wg.Wait()
	return fit
}
