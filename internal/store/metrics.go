package store

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what the stores of a process do:
//
//	database_up                       the last contact with every database succeeded
//	database_query_duration_seconds   from asking for a connection's statement to the answer, of single questions
//	database_connections{state}       idle, in_use, max: over all pools
//	database_waiting                  questions that wait for a connection now
//	database_waits_total              questions that had to wait for one
//	database_wait_seconds_total       how long they waited in all
type Metrics struct {
	duration prometheus.Histogram
	waiting  prometheus.Gauge
	waits    prometheus.Counter
	waited   prometheus.Counter

	mu     sync.Mutex
	stores map[*Store]struct{}
}

// NewMetrics registers the metrics with reg; nil registers nothing.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		stores: map[*Store]struct{}{},
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "database_query_duration_seconds",
			Help:    "Time from asking for a connection's statement to the database's answer, of single questions.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}),
	}
	m.waiting = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "database_waiting", Help: "Questions that wait for a connection to a database now.",
	})
	m.waits = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "database_waits_total", Help: "Questions that had to wait for a connection to a database.",
	})
	m.waited = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "database_wait_seconds_total", Help: "Time that questions waited for a connection to a database, in all.",
	})
	up := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "database_up",
		Help: "1 if the last contact with every database succeeded, 0 if one failed or there was none yet.",
	}, m.up)
	if reg != nil {
		reg.MustRegister(m.duration, m.waiting, m.waits, m.waited, up,
			m.connections("idle", func(s *Store) int { return s.db.Stats().Idle }),
			m.connections("in_use", func(s *Store) int { return s.db.Stats().InUse }),
			m.connections("max", func(s *Store) int { return s.options.MaxConnections }))
	}
	return m
}

// connections sums one number over all pools.
func (m *Metrics) connections(state string, count func(*Store) int) prometheus.GaugeFunc {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "database_connections",
		Help:        "Connections to databases: idle, in_use, and the most there may be.",
		ConstLabels: prometheus.Labels{"state": state},
	}, func() float64 {
		m.mu.Lock()
		defer m.mu.Unlock()
		sum := 0
		for s := range m.stores {
			sum += count(s)
		}
		return float64(sum)
	})
}

// up is the value of database_up. A pool that nobody has asked yet says nothing.
func (m *Metrics) up() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	up := 0.0
	for s := range m.stores {
		switch s.contacts.latest() {
		case failed:
			return 0
		case reached:
			up = 1
		}
	}
	return up
}

func (m *Metrics) add(s *Store) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stores[s] = struct{}{}
}

func (m *Metrics) remove(s *Store) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.stores, s)
}

// wait counts one who has to wait, until the function returned is called.
func (m *Metrics) wait() (over func()) {
	start := time.Now()
	m.waits.Inc()
	m.waiting.Inc()
	return func() {
		m.waiting.Dec()
		m.waited.Add(time.Since(start).Seconds())
	}
}

func (m *Metrics) observe(d time.Duration) { m.duration.Observe(d.Seconds()) }
