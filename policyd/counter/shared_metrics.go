package counter

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// SharedMetrics tells how the counters in Redis fare:
//
//	policy_state_up                     1 while decisions are made in Redis, 0 while in memory
//	policy_state_hosts                  hosts that share the counters, as last known
//	policy_state_local_decisions_total  decisions made in memory, with this host's share of each limit
//	policy_state_added_total            counters whose charges in memory were added to Redis
//
// The first two are those of the store that runs, and are gone when none does:
// nobody waits for a Redis that the configuration no longer names.
// A nil *SharedMetrics counts nothing.
type SharedMetrics struct {
	up, hosts      *prometheus.GaugeVec // without labels: one value, or none
	decided, added prometheus.Counter

	mu      sync.Mutex
	running *Shared // whose state is shown; nil: that of the last one made
}

// NewSharedMetrics registers the metrics.
func NewSharedMetrics(reg prometheus.Registerer) *SharedMetrics {
	auto := promauto.With(reg)
	return &SharedMetrics{
		up: auto.NewGaugeVec(prometheus.GaugeOpts{
			Name: "policy_state_up", Help: "Whether policy decisions are made in Redis; 0: in memory, with this host's share of each limit.",
		}, nil),
		hosts: auto.NewGaugeVec(prometheus.GaugeOpts{
			Name: "policy_state_hosts", Help: "Hosts that share the policy counters, as last known.",
		}, nil),
		decided: auto.NewCounter(prometheus.CounterOpts{
			Name: "policy_state_local_decisions_total", Help: "Policy decisions made in memory because Redis was away.",
		}),
		added: auto.NewCounter(prometheus.CounterOpts{
			Name: "policy_state_added_total", Help: "Counters whose charges in memory were added to Redis when it was back.",
		}),
	}
}

// begin has the state of s shown from now on, whichever stores are still used.
func (m *SharedMetrics) begin(s *Shared) {
	if m == nil {
		return
	}
	m.mu.Lock()
	m.running = s
	m.mu.Unlock()
	m.state(s, s.Up(), s.Hosts())
}

// end is the end of s.
func (m *SharedMetrics) end(s *Shared) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.running == s {
		m.running = nil
		m.up.Reset()
		m.hosts.Reset()
	}
}

func (m *SharedMetrics) state(s *Shared, up bool, hosts int) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.running != nil && m.running != s {
		return
	}
	value := 0.0
	if up {
		value = 1
	}
	m.up.WithLabelValues().Set(value)
	m.hosts.WithLabelValues().Set(float64(hosts))
}

func (m *SharedMetrics) local() {
	if m != nil {
		m.decided.Inc()
	}
}

func (m *SharedMetrics) add(counters int) {
	if m != nil {
		m.added.Add(float64(counters))
	}
}
