package status

import (
	"cmp"
	"slices"
	"strings"
)

// lookups are the maps that were asked, the busiest first.
func (v view) lookups() []Lookups {
	by := map[string]*Lookups{}
	for s, value := range v.now.reading {
		if s.family != lookupRequests {
			continue
		}
		l := by[s.labels[0]]
		if l == nil {
			l = &Lookups{Map: s.labels[0]}
			by[l.Map] = l
		}
		switch s.labels[1] {
		case "found":
			l.Found += value
		case "notfound":
			l.NotFound += value
		default:
			l.Trouble += value
		}
		l.PerSecond += v.perSecond(v.grown[s])
	}
	var all []Lookups
	for _, l := range by {
		if l.Map == "unknown" && l.Found+l.NotFound+l.Trouble == 0 {
			continue
		}
		duration := series{lookupDuration, labels{l.Map}}
		l.Mean = over(v.grown[series{lookupDuration + sumOf, duration.labels}], v.grown[duration])
		all = append(all, *l)
	}
	slices.SortFunc(all, func(a, b Lookups) int {
		return cmp.Or(cmp.Compare(b.PerSecond, a.PerSecond),
			cmp.Compare(b.Found+b.NotFound+b.Trouble, a.Found+a.NotFound+a.Trouble), cmp.Compare(a.Map, b.Map))
	})
	return all
}

// isHit is a request that the cache answered from memory.
func isHit(l labels) bool { return l[0] == "hit" || l[0] == "negative_hit" }

// cache is nil where nothing ever asked it.
func (v view) cache() *Cache {
	total := v.now.reading.total(cacheRequests, nil)
	entries, _ := v.now.reading.gauge(cacheEntries)
	if total == 0 && entries == 0 {
		return nil
	}
	return &Cache{
		Entries: entries,
		Hits:    over(v.grown.total(cacheRequests, isHit), v.grown.total(cacheRequests, nil)),
		Stale:   v.now.reading[series{cacheRequests, labels{"stale"}}],
		Total:   total,
	}
}

func (v view) tables(facts []TableFact) []Table {
	var all []Table
	for s, rows := range v.now.reading {
		if s.family != tableRows {
			continue
		}
		age, loaded := v.now.reading[series{tableAge, s.labels}]
		perKey := slices.ContainsFunc(facts, func(t TableFact) bool { return t.Name == s.labels[0] && t.PerKey })
		all = append(all, Table{Name: s.labels[0], Rows: rows, Loaded: loaded, PerKey: perKey, Age: age})
	}
	slices.SortFunc(all, func(a, b Table) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

func databases(facts []DatabaseFact) []Database {
	var all []Database
	for _, f := range facts {
		all = append(all, f.Database)
	}
	return all
}

func (v view) connections() []Connection {
	var all []Connection
	for s, open := range v.now.reading {
		if s.family == connectionsOpen {
			ended := v.now.reading[series{connectionsEnd, s.labels}]
			all = append(all, Connection{Daemon: s.labels[0], Open: open, Total: open + ended})
		}
	}
	slices.SortFunc(all, func(a, b Connection) int { return cmp.Compare(a.Daemon, b.Daemon) })
	return all
}

// srs leaves out what never happened.
func (v view) srs() []Count {
	rewrites := v.counts(srsRewrites, nil, func(l labels) string { return l[0] + " " + l[1] })
	return append(rewrites, v.counts(srsMilter, nil, func(l labels) string { return "milter " + l[0] })...)
}

// rules are the verdicts of policyd that were more than DUNNO.
func (v view) rules() []Count {
	policy := v.counts(policyDecisions, notable, func(l labels) string { return words(l[0], l[1], l[2]) })
	guard := v.counts(fromGuard, isGuarded, func(l labels) string { return words("from_guard", l[0], l[1]) })
	return byTotal(append(policy, guard...))
}

func notable(l labels) bool { return l[2] != "dunno" }

// isGuarded leaves out the verdict on the message, which is that on its headers
// once more.
func isGuarded(l labels) bool { return l[0] != "message" && l[1] != "passed" }

func words(all ...string) string {
	return strings.Join(slices.DeleteFunc(all, func(s string) bool { return s == "" }), " ")
}

// counts are the series of a family that want takes and that ever counted, the
// most frequent first.
func (v view) counts(family string, want func(labels) bool, name func(labels) string) []Count {
	var all []Count
	for s, total := range v.now.reading {
		if s.family == family && total > 0 && (want == nil || want(s.labels)) {
			all = append(all, Count{Name: name(s.labels), Total: total, PerMinute: 60 * v.perSecond(v.grown[s])})
		}
	}
	return byTotal(all)
}

func byTotal(all []Count) []Count {
	slices.SortFunc(all, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.Name, b.Name))
	})
	return all
}
