package daemon

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics tell how the reading of the configuration went.
type Metrics struct {
	successful prometheus.Gauge
	success    prometheus.Gauge
}

// NewMetrics registers the metrics with reg; nil registers nowhere.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	f := promauto.With(reg)
	return &Metrics{
		successful: f.NewGauge(prometheus.GaugeOpts{
			Name: "config_last_reload_successful",
			Help: "1 if the configuration was good when last read, 0 if not and the one before is in force.",
		}),
		success: f.NewGauge(prometheus.GaugeOpts{
			Name: "config_last_reload_success_timestamp_seconds",
			Help: "When a good configuration was last read, in Unix time.",
		}),
	}
}

func (m *Metrics) loaded(now time.Time) {
	m.successful.Set(1)
	m.success.Set(float64(now.UnixMilli()) / 1000)
}

func (m *Metrics) failed() {
	m.successful.Set(0)
}
