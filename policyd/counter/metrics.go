package counter

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics counts what the counters in memory need:
//
//	policy_counters                       counters in memory
//	policy_counters_full_total            charges with a new key that was not judged: all counters were over their limit
//	policy_payments_forgotten_total       times that what messages paid was forgotten within the hour, for want of room
//	policy_state_saves_total{result}      saves of the state file: ok, error
//	policy_state_saved_timestamp_seconds  when it was last saved
//
// A nil *Metrics counts nothing.
type Metrics struct {
	counters  prometheus.Gauge
	fullTotal prometheus.Counter
	forgotten prometheus.Counter
	saved     prometheus.Counter
	failed    prometheus.Counter
	lastSaved prometheus.Gauge
}

// NewMetrics registers the metrics of the counters in memory.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	auto := promauto.With(reg)
	saves := auto.NewCounterVec(prometheus.CounterOpts{
		Name: "policy_state_saves_total", Help: "Saves of the policy state file by result.",
	}, []string{"result"})
	return &Metrics{
		counters: auto.NewGauge(prometheus.GaugeOpts{
			Name: "policy_counters", Help: "Rate limit counters in memory.",
		}),
		fullTotal: auto.NewCounter(prometheus.CounterOpts{
			Name: "policy_counters_full_total", Help: "Charges with a new key that was not judged: memory is full of counters over their limit.",
		}),
		forgotten: auto.NewCounter(prometheus.CounterOpts{
			Name: "policy_payments_forgotten_total", Help: "Times that payments of messages were forgotten early, for want of room.",
		}),
		saved:  saves.WithLabelValues("ok"),
		failed: saves.WithLabelValues("error"),
		lastSaved: auto.NewGauge(prometheus.GaugeOpts{
			Name: "policy_state_saved_timestamp_seconds", Help: "When the policy state file was last saved.",
		}),
	}
}

func (m *Metrics) full() {
	if m != nil {
		m.fullTotal.Inc()
	}
}

func (m *Metrics) forgot() {
	if m != nil {
		m.forgotten.Inc()
	}
}

func (m *Metrics) keys(n int) {
	if m != nil {
		m.counters.Set(float64(n))
	}
}

func (m *Metrics) save(err error, now time.Time) {
	switch {
	case m == nil:
	case err != nil:
		m.failed.Inc()
	default:
		m.saved.Inc()
		m.lastSaved.Set(float64(now.UnixMilli()) / 1000)
	}
}
