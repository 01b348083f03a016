package bans

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics counts bans:
//
//	policy_bans{kind}                        bans that were active when the table was last read
//	policy_bans_ignored                      rows that ban nothing because they cannot be used
//	policy_bans_mx_questions_total{result}   questions for the hosts behind a destination:
//	    ok, timeout, trouble (these two let the mail pass), remembered
//
// A nil *Metrics counts nothing.
type Metrics struct {
	bans      *prometheus.GaugeVec
	ignored   prometheus.Gauge
	questions *prometheus.CounterVec
}

// NewMetrics registers the metrics of the bans.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	auto := promauto.With(reg)
	m := &Metrics{
		bans: auto.NewGaugeVec(prometheus.GaugeOpts{
			Name: "policy_bans", Help: "Bans that were active when their table was last read.",
		}, []string{"kind"}),
		ignored: auto.NewGauge(prometheus.GaugeOpts{
			Name: "policy_bans_ignored", Help: "Rows of api_bans that ban nothing because they cannot be used.",
		}),
		questions: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "policy_bans_mx_questions_total", Help: "Questions for the hosts behind a destination: ok, timeout, trouble, remembered.",
		}, []string{"result"}),
	}
	for _, kind := range []Kind{Email, Domain, IP, Name} {
		m.bans.WithLabelValues(string(kind))
	}
	for _, result := range []string{"ok", "timeout", "trouble", "remembered"} {
		m.questions.WithLabelValues(result)
	}
	return m
}

func (m *Metrics) loaded(b *book, now time.Time) {
	if m == nil {
		return
	}
	n := b.active(now)
	for _, kind := range []Kind{Email, Domain, IP, Name} {
		m.bans.WithLabelValues(string(kind)).Set(float64(n[kind]))
	}
	m.ignored.Set(float64(b.ignored))
}

func (m *Metrics) asked(result string) {
	if m != nil {
		m.questions.WithLabelValues(result).Inc()
	}
}
