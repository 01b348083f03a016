package counter

import (
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
// A nil *SharedMetrics counts nothing.
type SharedMetrics struct {
	up, hosts      prometheus.Gauge
	decided, added prometheus.Counter
}

// NewSharedMetrics registers the metrics.
func NewSharedMetrics(reg prometheus.Registerer) *SharedMetrics {
	auto := promauto.With(reg)
	return &SharedMetrics{
		up: auto.NewGauge(prometheus.GaugeOpts{
			Name: "policy_state_up", Help: "Whether policy decisions are made in Redis; 0: in memory, with this host's share of each limit.",
		}),
		hosts: auto.NewGauge(prometheus.GaugeOpts{
			Name: "policy_state_hosts", Help: "Hosts that share the policy counters, as last known.",
		}),
		decided: auto.NewCounter(prometheus.CounterOpts{
			Name: "policy_state_local_decisions_total", Help: "Policy decisions made in memory because Redis was away.",
		}),
		added: auto.NewCounter(prometheus.CounterOpts{
			Name: "policy_state_added_total", Help: "Counters whose charges in memory were added to Redis when it was back.",
		}),
	}
}

func (m *SharedMetrics) state(up bool, hosts int) {
	if m == nil {
		return
	}
	m.hosts.Set(float64(hosts))
	m.up.Set(0)
	if up {
		m.up.Set(1)
	}
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
