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

// points are the values of all charts that this process has, between two samples.
func points(before, after sample) map[string]float64 {
	seconds := after.at.Sub(before.at).Seconds()
	grown := after.reading.since(before.reading)
	values := map[string]float64{}
	for _, c := range charts() {
		if after.reading.has(c.family) {
			values[c.name] = c.value(grown, seconds)
		}
	}
	return values
}

// series are the lines of what this process does.
func (v view) series() []Series {
	if len(v.samples) < 2 {
		return nil
	}
	all := []Series{}
	for _, c := range charts() {
		if !v.now.reading.has(c.family) {
			continue
		}
		line := Series{Name: c.name, Unit: c.unit, Step: every, Values: []float64{}}
		for _, s := range v.samples[1:] {
			line.Values = append(line.Values, s.points[c.name])
		}
		all = append(all, line)
	}
	return all
}
