package serve

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics count the connections of all servers of a process, told apart by the
// name of the daemon:
//
//	connections{daemon}                     open now
//	connections_total{daemon,end}           ended, by the reason of the end
//	connection_limit_reached_total{daemon}  times that a listener had as many as Limits.Connections
//	accept_errors_total{daemon}             errors of accept(2)
type Metrics struct {
	open   *prometheus.GaugeVec
	total  *prometheus.CounterVec
	full   *prometheus.CounterVec
	accept *prometheus.CounterVec
}

// NewMetrics registers the metrics with reg; nil registers nowhere.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	f := promauto.With(reg)
	return &Metrics{
		open: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "connections",
			Help: "Connections that are open.",
		}, []string{"daemon"}),
		total: f.NewCounterVec(prometheus.CounterOpts{
			Name: "connections_total",
			Help: "Connections that have ended, by the reason of the end.",
		}, []string{"daemon", "end"}),
		full: f.NewCounterVec(prometheus.CounterOpts{
			Name: "connection_limit_reached_total",
			Help: "Times that a listener had as many connections as it may have: who was idle had to make room.",
		}, []string{"daemon"}),
		accept: f.NewCounterVec(prometheus.CounterOpts{
			Name: "accept_errors_total",
			Help: "Errors of accepting a connection, such as no free file descriptor.",
		}, []string{"daemon"}),
	}
}

// counters are the metrics of one daemon.
type counters struct {
	open   prometheus.Gauge
	full   prometheus.Counter
	accept prometheus.Counter
	ended  [endCount]prometheus.Counter
}

// of presets every series of the daemon, so that the first event shows as one.
func (m *Metrics) of(daemon string) *counters {
	c := &counters{
		open:   m.open.WithLabelValues(daemon),
		full:   m.full.WithLabelValues(daemon),
		accept: m.accept.WithLabelValues(daemon),
	}
	for e := endClosed; e < endCount; e++ {
		c.ended[e] = m.total.WithLabelValues(daemon, e.String())
	}
	return c
}
