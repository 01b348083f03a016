package status

import "strings"

// chart is how a line is computed from what the counters grew by within a step.
type chart struct {
	name, unit string
	family     string // the line exists where this does
	value      func(grown reading, seconds float64) float64
}

// charts are all lines that there can be.
func charts() []chart {
	rate := func(family string, want func(labels) bool) func(reading, float64) float64 {
		return func(grown reading, seconds float64) float64 { return over(grown.total(family, want), seconds) }
	}
	const perSecond = "per second"
	return []chart{
		{"lookups", perSecond, lookupRequests, rate(lookupRequests, nil)},
		{"trouble", perSecond, lookupRequests, rate(lookupRequests, isTrouble)},
		{"hits", "share", cacheRequests, func(grown reading, _ float64) float64 {
			return over(grown.total(cacheRequests, isHit), grown.total(cacheRequests, nil))
		}},
		{"queries", perSecond, databaseQueries, rate(databaseQueries, nil)},
		{"latency", "seconds", databaseQueries, func(grown reading, _ float64) float64 {
			return over(grown.total(databaseQueries+sumOf, nil), grown.total(databaseQueries, nil))
		}},
		{"decisions", perSecond, policyRequests, rate(policyRequests, nil)},
		{"refused", perSecond, policyDecisions, rate(policyDecisions, isRefusal)},
		{"srs", perSecond, srsRewrites, rate(srsRewrites, nil)},
	}
}

func isTrouble(l labels) bool { return l[1] != "found" && l[1] != "notfound" }

func isRefusal(l labels) bool {
	return l[2] == "reject" || strings.HasPrefix(l[2], "defer")
}

// series are the lines of what this process does.
func (v view) series() []Series {
	if len(v.samples) < 2 {
		return nil
	}
	all := []Series{}
	for _, c := range charts() {
		if v.now.reading.has(c.family) {
			all = append(all, Series{Name: c.name, Unit: c.unit, Step: every, Values: []float64{}})
		}
	}
	for i, after := range v.samples[1:] {
		seconds := after.at.Sub(v.samples[i].at).Seconds()
		grown := after.reading.since(v.samples[i].reading)
		n := 0
		for _, c := range charts() {
			if v.now.reading.has(c.family) {
				all[n].Values = append(all[n].Values, c.value(grown, seconds))
				n++
			}
		}
	}
	return all
}
