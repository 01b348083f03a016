package status

import (
	"math"

	dto "github.com/prometheus/client_model/go"
)

// families are the metrics that a Snapshot is made of, with those of their
// labels that count. The rest of a registry is not looked at.
func families() map[string][]string {
	return map[string][]string{
		lookupRequests:  {"map", "result"},
		lookupDuration:  {"map"},
		cacheRequests:   {"result"},
		cacheEntries:    {},
		databaseQueries: {},
		tableRows:       {"table"},
		tableAge:        {"table"},
		tableHeld:       {"table"},
		tableSaves:      {"result"},
		connectionsOpen: {"daemon"},
		connectionsEnd:  {"daemon"},
		acceptErrors:    {"daemon"},
		srsRewrites:     {"direction", "result"},
		srsMilter:       {"result"},
		srsStoreUp:      {},
		srsStoreOps:     {"result"},
		policyDecisions: {"check", "rule", "action"},
		policyRequests:  {"result"},
		policyStateUp:   {},
		policySaves:     {"result"},
		fromGuard:       {"header", "action"},
		reloadGood:      {},
	}
}

const (
	lookupRequests  = "postern_lookup_requests_total"
	lookupDuration  = "postern_lookup_duration_seconds"
	cacheRequests   = "postern_cache_requests_total"
	cacheEntries    = "postern_cache_entries"
	databaseQueries = "postern_database_query_duration_seconds"
	tableRows       = "postern_table_rows"
	tableAge        = "postern_table_age_seconds"
	tableHeld       = "postern_table_reload_held"
	tableSaves      = "postern_table_disk_saves_total"
	connectionsOpen = "postern_connections"
	connectionsEnd  = "postern_connections_total"
	acceptErrors    = "postern_accept_errors_total"
	srsRewrites     = "postern_srs_rewrites_total"
	srsMilter       = "postern_srs_milter_results_total"
	srsStoreUp      = "postern_srs_store_up"
	srsStoreOps     = "postern_srs_store_operations_total"
	policyDecisions = "postern_policy_decisions_total"
	policyRequests  = "postern_policy_requests_total"
	policyStateUp   = "postern_policy_state_up"
	policySaves     = "postern_policy_state_saves_total"
	fromGuard       = "postern_from_guard_decisions_total"
	reloadGood      = "postern_config_last_reload_successful"
)

// labels are the values of those labels that families names, in its order.
type labels [3]string

// series is one figure. Of a histogram there are two: its count, and its sum
// under the name with "_sum" behind it.
type series struct {
	family string
	labels labels
}

const sumOf = "_sum"

// reading is every figure at one moment. Series that differ in labels that do
// not count are added up; a figure that is no finite number is left out.
type reading map[series]float64

// read gathers. What a collector fails to tell is missing, the rest is there.
func (s *Sampler) read() reading {
	gathered, _ := s.gatherer.Gather() // an error comes with all that could be had
	r := make(reading, len(s.last.reading))
	for _, family := range gathered {
		names, wanted := s.families[family.GetName()]
		if !wanted {
			continue
		}
		for _, m := range family.GetMetric() {
			r.take(family.GetName(), labelsOf(m, names), m)
		}
	}
	return r
}

func labelsOf(m *dto.Metric, names []string) (l labels) {
	for i, name := range names {
		for _, pair := range m.GetLabel() {
			if pair.GetName() == name {
				l[i] = pair.GetValue()
			}
		}
	}
	return l
}

func (r reading) take(family string, l labels, m *dto.Metric) {
	switch {
	case m.GetCounter() != nil:
		r.add(series{family, l}, m.GetCounter().GetValue())
	case m.GetGauge() != nil:
		r.add(series{family, l}, m.GetGauge().GetValue())
	case m.GetHistogram() != nil:
		r.add(series{family, l}, float64(m.GetHistogram().GetSampleCount()))
		r.add(series{family + sumOf, l}, m.GetHistogram().GetSampleSum())
	}
}

func (r reading) add(s series, value float64) {
	if !math.IsNaN(value) && !math.IsInf(value, 0) {
		r[s] += value
	}
}

// gauge is the value of a series without labels; ok says whether there is one.
func (r reading) gauge(family string) (value float64, ok bool) {
	value, ok = r[series{family: family}]
	return value, ok
}

// has reports a family of which anything is known.
func (r reading) has(family string) bool {
	for s := range r {
		if s.family == family {
			return true
		}
	}
	return false
}

// total adds up the series of a family that want takes; nil takes all.
func (r reading) total(family string, want func(labels) bool) (sum float64) {
	for s, value := range r {
		if s.family == family && (want == nil || want(s.labels)) {
			sum += value
		}
	}
	return sum
}

// since is what each counter grew by after an earlier reading. A counter that
// is smaller than it was began anew, so what it has now came since. One that was
// not there has grown from nothing.
func (r reading) since(earlier reading) reading {
	grown := make(reading, len(r))
	for s, value := range r {
		before := earlier[s]
		if before > value {
			before = 0
		}
		grown[s] = value - before
	}
	return grown
}
