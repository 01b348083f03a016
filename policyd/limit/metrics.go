package limit

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"postern/policyd/counter"
)

// What became of a charge.
const (
	resultFits    = "fits"
	resultNear    = "near"
	resultOver    = "over"
	resultNever   = "never"
	resultFull    = "full"
	resultTrouble = "trouble"
)

// What became of a lookup of limits.
const (
	lookupKey       = "key"
	lookupDomain    = "domain"
	lookupNone      = "none"
	lookupDefault   = "default"
	lookupUnlimited = "unlimited"
	lookupMalformed = "malformed"
	lookupTrouble   = "trouble"
)

// Metrics counts what became of charges and of lookups of limits:
//
//	policy_limit_charges_total{rule,key,result}  one for each rule and key of a request;
//	    the label key is what the rule counts by, such as sasl_username:
//	    fits     there was room
//	    near     there was room, and less than a tenth of the limit is left
//	    over     the limit is reached
//	    never    the cost is above the whole limit
//	    full     the store has no room for another counter
//	    trouble  the rule could not be judged
//	policy_limit_lookups_total{rule,result}  lookups in the map of limits:
//	    key        the key has a limit of its own
//	    domain     its domain has one
//	    none       neither has, the rule's are in force
//	    default    the map says so
//	    unlimited  not counted
//	    malformed  the value is no limit, the rule's are in force
//	    trouble    the map gave no answer, the rule's are in force
//
// A nil *Metrics counts nothing.
type Metrics struct{ charges, lookups *prometheus.CounterVec }

// NewMetrics registers the metrics of the rate limits.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	auto := promauto.With(reg)
	return &Metrics{
		charges: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "policy_limit_charges_total", Help: "Charges of rate limits by what became of them.",
		}, []string{"rule", "key", "result"}),
		lookups: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "policy_limit_lookups_total", Help: "Lookups of limits of single keys by what became of them.",
		}, []string{"rule", "result"}),
	}
}

// ruleMetrics are the children of one rule, so that no label is looked up
// while mail waits. The zero value counts nothing.
type ruleMetrics struct{ charges, lookups map[string]prometheus.Counter }

func (m *Metrics) rule(name string, keys []Key) ruleMetrics {
	if m == nil {
		return ruleMetrics{}
	}
	return ruleMetrics{
		charges: children(m.charges.MustCurryWith(prometheus.Labels{"key": keyNames(keys)}), name, resultFits, resultNear, resultOver, resultNever, resultFull, resultTrouble),
		lookups: children(m.lookups, name, lookupKey, lookupDomain, lookupNone, lookupDefault, lookupUnlimited, lookupMalformed, lookupTrouble),
	}
}

func children(vec *prometheus.CounterVec, rule string, results ...string) map[string]prometheus.Counter {
	all := make(map[string]prometheus.Counter, len(results))
	for _, result := range results {
		all[result] = vec.WithLabelValues(rule, result)
	}
	return all
}

func (m ruleMetrics) charged(result string) { count(m.charges, result) }
func (m ruleMetrics) lookup(result string)  { count(m.lookups, result) }

func count(counters map[string]prometheus.Counter, result string) {
	if c := counters[result]; c != nil {
		c.Inc()
	}
}

// resultOf names the outcome of a debit that was judged.
func resultOf(d *counter.Debit, o *counter.Outcome) string {
	switch {
	case o.Never:
		return resultNever
	case !o.Fits:
		return resultOver
	case o.Remaining < refusing(d, o).N/10:
		return resultNear
	}
	return resultFits
}
