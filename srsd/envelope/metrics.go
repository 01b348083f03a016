package envelope

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what the stores of a process do. A nil *Metrics counts nothing.
type Metrics struct {
	operations *prometheus.CounterVec

	mu     sync.Mutex
	stores map[*Store]sample
}

// sample is what is known of one open store.
type sample struct {
	asked, up bool // of the last operation
}

// Results of operations, the label result of srs_store_operations_total.
const (
	resultStored   = "stored"    // put: written
	resultCurrent  = "current"   // put: stood there with nearly its whole life before it
	resultFull     = "full"      // put: refused, as many senders as allowed
	resultFound    = "found"     // get
	resultNotFound = "not_found" // get
	resultDone     = "done"      // ping, count, sweep
	resultError    = "error"
	resultGivenUp  = "given_up" // the asker went away
)

// NewMetrics registers the metrics with reg; nil registers nothing.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		stores: map[*Store]sample{},
		operations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "srs_store_operations_total",
			Help: "Operations on the store of envelope senders, by operation (put, get, ping, count, sweep) and result.",
		}, []string{"operation", "result"}),
	}
	for _, series := range [][2]string{
		{"put", resultStored}, {"put", resultCurrent}, {"put", resultFull}, {"put", resultError},
		{"get", resultFound}, {"get", resultNotFound}, {"get", resultError},
	} {
		m.operations.WithLabelValues(series[0], series[1])
	}
	if reg != nil {
		reg.MustRegister(m.operations,
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "srs_store_entries",
				Help: "Envelope senders in the store when they were last counted, and what this process added since. Redis: keys of the database.",
			}, m.entries),
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "srs_store_up",
				Help: "1 if the last operation on every store of envelope senders succeeded, 0 if one failed or there was none yet.",
			}, m.up))
	}
	return m
}

func (m *Metrics) entries() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	sum := int64(0)
	for s := range m.stores {
		sum += s.entries.Load()
	}
	return float64(sum)
}

func (m *Metrics) up() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	up := 0.0
	for _, s := range m.stores {
		if s.asked && !s.up {
			return 0
		}
		if s.asked {
			up = 1
		}
	}
	return up
}

func (m *Metrics) add(s *Store) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stores[s] = sample{}
}

func (m *Metrics) remove(s *Store) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.stores, s)
}

// count notes one operation. A full store is one that answers.
func (m *Metrics) count(s *Store, operation, result string) {
	if m == nil {
		return
	}
	m.operations.WithLabelValues(operation, result).Inc()
	if result == resultGivenUp {
		return // says nothing of the store
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, open := m.stores[s]; open {
		m.stores[s] = sample{asked: true, up: result != resultError}
	}
}
