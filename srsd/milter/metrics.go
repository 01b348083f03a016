package milter

import "github.com/prometheus/client_golang/prometheus"

// Metrics count results; they are an Observer.
type Metrics struct {
	counts map[Result]prometheus.Counter
}

// NewMetrics registers the counters.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "srs_milter_results_total",
		Help: "What became of messages and recipients that the SRS milter saw.",
	}, []string{"result"})
	reg.MustRegister(vec)
	m := &Metrics{counts: map[Result]prometheus.Counter{}}
	for _, r := range Results() {
		m.counts[r] = vec.WithLabelValues(string(r))
	}
	return m
}

// Observe counts one result.
func (m *Metrics) Observe(r Result) { m.counts[r].Inc() }
