package spf

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics counts what SPF finds:
//
//	policy_spf_results_total{result}  recipients that were judged, by SPF result
//	policy_spf_duration_seconds       time of evaluations that went to the DNS; the
//	    results beyond their number came from memory
//
// A nil *Metrics counts nothing.
type Metrics struct {
	results  map[Result]prometheus.Counter
	duration prometheus.Histogram
}

// NewMetrics registers the metrics of the check.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	auto := promauto.With(reg)
	results := auto.NewCounterVec(prometheus.CounterOpts{
		Name: "policy_spf_results_total", Help: "Recipients that the spf check judged, by SPF result.",
	}, []string{"result"})
	m := &Metrics{
		results: map[Result]prometheus.Counter{},
		duration: auto.NewHistogram(prometheus.HistogramOpts{
			Name: "policy_spf_duration_seconds", Help: "Time of SPF evaluations that went to the DNS.",
			Buckets: []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2, 5, 10, 15},
		}),
	}
	for _, result := range Results() {
		m.results[result] = results.WithLabelValues(string(result))
	}
	return m
}

func (m *Metrics) judged(result Result) {
	if m != nil {
		m.results[result].Inc()
	}
}

func (m *Metrics) evaluated(took time.Duration) {
	if m != nil {
		m.duration.Observe(took.Seconds())
	}
}
