package store

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what the stores of a process do.
type Metrics struct {
	duration prometheus.Histogram

	mu     sync.Mutex
	stores map[*Store]contact
}

// contact is what became of the last attempt to reach a database.
type contact int

const (
	never contact = iota
	reached
	failed
)

// NewMetrics registers the metrics with reg; nil registers nothing.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		stores: map[*Store]contact{},
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "database_query_duration_seconds",
			Help:    "Time from asking for a connection's statement to the database's answer, of single questions.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}),
	}
	up := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "database_up",
		Help: "1 if the last contact with every database succeeded, 0 if one failed or there was none yet.",
	}, m.up)
	if reg != nil {
		reg.MustRegister(m.duration, up,
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
	for _, last := range m.stores {
		switch last {
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
	m.stores[s] = never
}

func (m *Metrics) remove(s *Store) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.stores, s)
}

func (m *Metrics) observe(d time.Duration) { m.duration.Observe(d.Seconds()) }

// contact notes whether the database could be reached. An error that the
// server sent says that it could.
func (m *Metrics) contact(s *Store, err error) {
	last := reached
	if err != nil && !fromServer(err) {
		last = failed
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, open := m.stores[s]; open {
		m.stores[s] = last
	}
}
