package policyd

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics counts decisions:
//
//	policy_decisions_total{check,rule,action}  verdicts of each check: dunno, reject, defer,
//	    defer_if_permit, hold, prepend, discard, the same after shadow_ where they
//	    did not act, no_reply for trouble of a check that does not say how it fails.
//	    A check that charges says dunno when it has charged
//	policy_duration_seconds                    time from request to answer
//	policy_requests_total{result}              answered, no_reply, malformed
//	policy_unknown_context_total               requests with a policy_context that has no chain
//
// A nil *Metrics counts nothing.
type Metrics struct {
	decisions      *prometheus.CounterVec
	duration       prometheus.Histogram
	answered       prometheus.Counter
	noReply        prometheus.Counter
	malformed      prometheus.Counter
	unknownContext prometheus.Counter

	known sync.Map // verdictKey → prometheus.Counter
}

type verdictKey struct{ check, rule, action string }

// NewMetrics registers the metrics of the policy daemon.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	auto := promauto.With(reg)
	requests := auto.NewCounterVec(prometheus.CounterOpts{
		Name: "policy_requests_total", Help: "Policy requests by what became of them.",
	}, []string{"result"})
	return &Metrics{
		decisions: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "policy_decisions_total", Help: "Verdicts of the policy checks; those with shadow_ did not act.",
		}, []string{"check", "rule", "action"}),
		duration: auto.NewHistogram(prometheus.HistogramOpts{
			Name: "policy_duration_seconds", Help: "Time from a policy request to its answer.",
			Buckets: []float64{.00001, .00005, .0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5, 20},
		}),
		answered:  requests.WithLabelValues("answered"),
		noReply:   requests.WithLabelValues("no_reply"),
		malformed: requests.WithLabelValues("malformed"),
		unknownContext: auto.NewCounter(prometheus.CounterOpts{
			Name: "policy_unknown_context_total", Help: "Requests with a policy_context that has no chain: the default chain was asked.",
		}),
	}
}

// Counted is l with the counter of its usual verdict at hand.
func (m *Metrics) Counted(l Link) Link {
	if m != nil {
		l.passed = m.decisions.WithLabelValues(l.Name, "", Action{}.Name())
	}
	return l
}

// verdict counts what a link said.
func (m *Metrics) verdict(l *Link, v Verdict) {
	if m != nil && l.passed != nil && v.Rule == "" && v.Action.IsDunno() {
		l.passed.Inc()
		return
	}
	m.count(l.Name, v.Rule, v.Action.Name())
}

// count adds a verdict. Its labels come from the configuration and from this
// program, so their number is bounded.
func (m *Metrics) count(check, rule, action string) {
	if m == nil {
		return
	}
	key := verdictKey{check, rule, action}
	counter, ok := m.known.Load(key)
	if !ok {
		counter, _ = m.known.LoadOrStore(key, m.decisions.WithLabelValues(check, rule, action))
	}
	counter.(prometheus.Counter).Inc()
}

func (m *Metrics) observe(start time.Time, result prometheus.Counter) {
	result.Inc()
	m.duration.Observe(time.Since(start).Seconds())
}
