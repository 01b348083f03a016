package fromguard

import "github.com/prometheus/client_golang/prometheus"

// Action is what became of a header or of a message, and a label.
type Action string

// The actions.
const (
	Passed   Action = "passed"
	Refused  Action = "refused"  // 550
	Deferred Action = "deferred" // 451: the map could not tell
	Shadowed Action = "shadowed" // it would be refused, if the header were in mode enforce
	Failed   Action = "failed"   // the map could not tell, in shadow mode
	NoLogin  Action = "no_login" // Postfix told of no login
)

// whole is the header of what became of the message.
const whole Header = "message"

// Metrics count actions by header. A nil one counts nothing.
type Metrics struct {
	decisions *prometheus.CounterVec
	malformed prometheus.Counter
}

// NewMetrics registers the counters.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "from_guard_decisions_total",
			Help: "What the From guard did about each header, and about the message.",
		}, []string{"header", "action"}),
		malformed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "from_guard_protocol_errors_total",
			Help: "Breaches of the milter protocol, commands out of order included.",
		}),
	}
	reg.MustRegister(m.decisions, m.malformed)
	for _, header := range append(Headers(), whole) {
		for _, action := range []Action{Passed, Refused, Deferred, Shadowed, Failed} {
			m.decisions.WithLabelValues(string(header), string(action))
		}
	}
	m.decisions.WithLabelValues(string(whole), string(NoLogin))
	return m
}

func (m *Metrics) count(header Header, action Action) {
	if m != nil {
		m.decisions.WithLabelValues(string(header), string(action)).Inc()
	}
}

// breach counts one of the protocol.
func (m *Metrics) breach() {
	if m != nil {
		m.malformed.Inc()
	}
}
