package twin

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics counts the questions that were drawn; the package comment has the
// results.
type Metrics struct {
	questions *prometheus.CounterVec

	mu   sync.Mutex
	maps map[string]*counts
}

// NewMetrics registers the counters; with a nil registerer nobody sees them.
func NewMetrics(r prometheus.Registerer) *Metrics {
	return &Metrics{
		questions: promauto.With(r).NewCounterVec(prometheus.CounterOpts{
			Name: "twin_questions_total",
			Help: "Live questions that were asked again along the old path, by what came of it.",
		}, []string{"map", "result"}),
		maps: map[string]*counts{},
	}
}

// counts are the counters of one map.
type counts struct {
	same, different, explained, moved, failed, dropped prometheus.Counter
}

// of is the counters of a map, which begin at zero.
func (m *Metrics) of(name string) *counts {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.maps[name] == nil {
		c := func(result string) prometheus.Counter { return m.questions.WithLabelValues(name, result) }
		m.maps[name] = &counts{c("same"), c("different"), c("explained"), c("moved"), c("error"), c("dropped")}
	}
	return m.maps[name]
}
