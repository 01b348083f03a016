package greylist

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics counts what the verdicts of the check do not tell (those are in
// policy_decisions_total by rule):
//
//	policy_greylist_store_errors_total  attempts that passed because the store was in trouble
//	policy_greylist_retries_total       triplets that waited and passed
//	policy_greylist_rows{kind}          rows in memory: waiting, kept (what passed, and groups)
//	policy_greylist_evicted_total{kind} rows that made room for others before their time
//
// A nil *Metrics counts nothing.
type Metrics struct {
	storeErrors prometheus.Counter
	retries     prometheus.Counter
	waiting     prometheus.Gauge
	kept        prometheus.Gauge
	evicted     *prometheus.CounterVec
}

// NewMetrics registers the metrics of greylisting.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	auto := promauto.With(reg)
	rows := auto.NewGaugeVec(prometheus.GaugeOpts{
		Name: "policy_greylist_rows", Help: "Greylisting rows in memory: waiting, or kept because they passed or count passes.",
	}, []string{"kind"})
	m := &Metrics{
		storeErrors: auto.NewCounter(prometheus.CounterOpts{
			Name: "policy_greylist_store_errors_total", Help: "Attempts that greylisting let pass because its store was in trouble.",
		}),
		retries: auto.NewCounter(prometheus.CounterOpts{
			Name: "policy_greylist_retries_total", Help: "Greylisted triplets that waited and passed.",
		}),
		waiting: rows.WithLabelValues(kindWaiting),
		kept:    rows.WithLabelValues(kindKept),
		evicted: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "policy_greylist_evicted_total", Help: "Greylisting rows in memory that made room for others before their time.",
		}, []string{"kind"}),
	}
	for _, kind := range []string{kindWaiting, kindKept} {
		m.evicted.WithLabelValues(kind)
	}
	return m
}

// Values of the label kind.
const (
	kindWaiting = "waiting"
	kindKept    = "kept"
)

func (m *Metrics) countError() {
	if m != nil {
		m.storeErrors.Inc()
	}
}

func (m *Metrics) countRetry() {
	if m != nil {
		m.retries.Inc()
	}
}

func (m *Metrics) countEvicted(kind string) {
	if m != nil {
		m.evicted.WithLabelValues(kind).Inc()
	}
}

func (m *Metrics) setRows(waiting, kept int) {
	if m != nil {
		m.waiting.Set(float64(waiting))
		m.kept.Set(float64(kept))
	}
}
