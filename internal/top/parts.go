package top

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"postern/internal/oneline"
	"postern/internal/status"
)

// The ranks of the sections: who gets lines first.
const (
	rankHealth = iota
	rankCharts
	rankLookups
	rankLatest
	rankStorage
	rankRules
	rankSRS
	rankConnections
)

// health names what is in trouble, a line each, and then what is well.
func (a artist) health() section {
	var bad, poor []Line
	var well []string
	several := len(a.answering()) > 1
	for _, d := range a.answering() {
		for _, h := range d.last.Health {
			name, text := clean(h.Name, a.ASCII), clean(h.Text, a.ASCII)
			if several && h.State != status.Good {
				name = clean(d.name, a.ASCII) + ": " + name
			}
			switch h.State {
			case status.Good:
				well = append(well, name)
			case status.Poor:
				poor = append(poor, Line{{"poor ", Poor}, {name + ": " + text, Plain}})
			default:
				bad = append(bad, Line{{"bad  ", Bad}, {name + ": " + text, Plain}})
			}
		}
	}
	lines := append(bad, poor...)
	least := min(2, len(lines))
	if slices.Sort(well); len(well) > 0 {
		lines = append(lines, Line{{"good ", Good}, {strings.Join(slices.Compact(well), ", "), Plain}})
	}
	return section{lines: lines, least: max(1, least), rank: rankHealth}
}

// charts are the series of all daemons, a line each. What happens per second is
// added up; a share or a mean is that of one daemon.
func (a artist) charts() section {
	type chart struct {
		daemon string
		status.Series
	}
	var all []chart
	for _, d := range a.answering() {
		for _, s := range d.last.Series {
			same := func(c chart) bool { return c.Name == s.Name && c.Step == s.Step && s.Unit == perSecond }
			if at := slices.IndexFunc(all, same); at >= 0 {
				all[at].Values, all[at].daemon = plus(all[at].Values, s.Values), ""
				continue
			}
			all = append(all, chart{d.name, s})
		}
	}
	several := len(a.answering()) > 1
	var lines []Line
	for _, c := range all {
		if c.Unit != perSecond && several {
			c.Name += " " + c.daemon
		}
		lines = append(lines, a.chart(c.Series))
	}
	return section{lines: a.pairs(lines), least: 1, rank: rankCharts, apart: true, rests: true}
}

// pairs puts two lines into one, each of the half width.
func (a artist) pairs(lines []Line) []Line {
	if !a.half() {
		return lines
	}
	var two []Line
	for i := 0; i < len(lines); i += 2 {
		l := lines[i]
		if i+1 < len(lines) {
			l = append(append(l.pad(a.width/2), Span{" ", Plain}), lines[i+1]...)
		}
		two = append(two, l)
	}
	return two
}

// half reports room for two charts in a line.
func (a artist) half() bool { return a.width >= 70 }

// chartWidth is how many cells a chart with its name takes.
func (a artist) chartWidth() int {
	if a.half() {
		return a.width/2 - 1
	}
	return a.width
}

// perSecond is the unit of a series that counts.
const perSecond = "per second"

func (a artist) chart(s status.Series) Line {
	now := unknown
	if n := len(s.Values); n > 0 {
		now = figure(s.Values[n-1], s.Unit)
	}
	name := oneline.Cells(clean(s.Name, a.ASCII), 17, cutSign(a.ASCII))
	l := append(Line{{name, Plain}}.pad(10), Span{fmt.Sprintf("%8s ", now), Plain})
	return append(l, Span{sparkline(s.Values, a.chartWidth()-l.width(), a.ASCII), Chart})
}

// figure prints a value in its unit.
func figure(value float64, unit string) string {
	switch unit {
	case perSecond:
		return rate(value) + "/s"
	case "share":
		return share(value)
	case "seconds":
		return mean(value)
	}
	return count(value)
}

// plus adds series that end at the same time.
func plus(a, b []float64) []float64 {
	if len(a) < len(b) {
		a, b = b, a
	}
	sum := slices.Clone(a)
	for i, v := range b {
		sum[len(a)-len(b)+i] += v
	}
	return sum
}

// lookupRow is a map of a daemon.
type lookupRow struct {
	daemon string
	status.Lookups
	*flow
}

// lookupRows are the maps of all daemons, the busiest first.
func (a artist) lookupRows() []lookupRow {
	var rows []lookupRow
	for _, d := range a.answering() {
		for _, l := range d.last.Lookups {
			rows = append(rows, lookupRow{d.name, l, d.maps[l.Map]})
		}
	}
	slices.SortStableFunc(rows, func(x, y lookupRow) int {
		return cmp.Or(cmp.Compare(y.flow.perSecond, x.flow.perSecond), cmp.Compare(total(y.Lookups), total(x.Lookups)), strings.Compare(x.Map, y.Map))
	})
	return rows
}

// lookups are those maps that were asked anything; whole has all of them.
func (a artist) lookups(whole bool) section {
	g := grid{ascii: a.ASCII, columns: []column{
		{title: "MAP", flex: true}, {title: "DAEMON", drop: 3}, {title: "PER S", right: true},
		{title: "FOUND", right: true, drop: 2}, {title: "NOT FOUND", right: true, drop: 2},
		{title: "TROUBLE", right: true}, {title: "MEAN", right: true, drop: 1}, {title: "TREND", drop: 4},
	}}
	idle := 0
	for _, r := range a.lookupRows() {
		if total(r.Lookups) == 0 && !whole {
			idle++
			continue
		}
		g.rows = append(g.rows, a.lookupCells(r))
	}
	if a.Interval == 0 { // a single picture has no trend
		g = g.without(7)
	}
	if len(a.answering()) < 2 {
		g = g.without(1)
	}
	s := a.table(g, rankLookups, 2)
	if idle == 0 {
		return s
	}
	text := fmt.Sprintf("%d maps were not asked", idle)
	if idle == 1 {
		text = "1 map was not asked"
	}
	s.lines, s.least = append(s.lines, Line{{text, Dim}}), max(1, s.least)
	return s
}

func (a artist) lookupCells(r lookupRow) []Span {
	trouble := Span{count(r.Trouble), Plain}
	if r.flow.trouble > 0 {
		trouble.Look = Bad
	}
	return []Span{
		{clean(r.Map, a.ASCII), Strong}, {clean(r.daemon, a.ASCII), Dim}, {rate(r.flow.perSecond), Plain},
		{count(r.Found), Plain}, {count(r.NotFound), Plain}, trouble, {mean(r.Mean), Plain},
		{sparkline(r.past, a.trend(), a.ASCII), Chart},
	}
}

// trend is how many cells a map's chart takes.
func (a artist) trend() int { return min(60, max(8, a.width-75)) }

// table makes a section of a grid; none of one without rows.
func (a artist) table(g grid, rank, least int) section {
	if len(g.rows) == 0 {
		return section{rank: rank, apart: true}
	}
	return section{lines: g.lines(a.width), least: least, rank: rank, apart: true}
}

// storage are cache, tables and database.
func (a artist) storage() section {
	var lines []Line
	for _, d := range a.answering() {
		for _, l := range a.storageOf(d.last) {
			if len(a.answering()) > 1 {
				l = append(l, Span{"  " + clean(d.name, a.ASCII), Dim})
			}
			lines = append(lines, l)
		}
	}
	return section{lines: lines, least: 1, rank: rankStorage, apart: true}
}

func (a artist) storageOf(s status.Snapshot) []Line {
	var lines []Line
	if c := s.Cache; c != nil {
		lines = append(lines, Line{{"cache    ", Dim}, {fmt.Sprintf("%s hits, %s answers, %s stale of %s", share(c.Hits), count(c.Entries), count(c.Stale), count(c.Total)), Plain}})
	}
	for _, d := range s.Database {
		lines = append(lines, Line{{"database ", Dim}, {clean(d.Name, a.ASCII) + ": ", Plain}, {clean(d.State(), a.ASCII), databaseLook(d)},
			{fmt.Sprintf(", %s in use, %s open of %s", count(d.InUse), count(d.Open), count(d.Max)), Plain}})
	}
	for _, t := range s.Tables {
		lines = append(lines, Line{{"table    ", Dim}, {clean(t.Name, a.ASCII) + ", ", Plain}, holds(t)})
	}
	return lines
}

func databaseLook(d status.Database) Look {
	switch {
	case d.Trouble == "" && d.Up:
		return Good
	case d.Trouble == "":
		return Dim
	case d.Up:
		return Poor
	}
	return Bad
}

// holds is what is in memory of a table.
func holds(t status.Table) Span {
	switch {
	case t.PerKey:
		return Span{"asked per key", Plain}
	case !t.Loaded:
		return Span{"not loaded", Bad}
	}
	return Span{fmt.Sprintf("%s rows, current %s ago", count(t.Rows), lasting(t.Lag())), Plain}
}

// counts is a table of how often things happened in all daemons.
func (a artist) counts(title string, rank int, of func(status.Snapshot) []status.Count) section {
	var sums []status.Count
	for _, d := range a.answering() {
		for _, c := range of(d.last) {
			at := slices.IndexFunc(sums, func(s status.Count) bool { return s.Name == c.Name })
			if at < 0 {
				sums = append(sums, c)
				continue
			}
			sums[at].Total += c.Total
			sums[at].PerMinute += c.PerMinute
		}
	}
	g := grid{ascii: a.ASCII, columns: []column{{title: title, flex: true}, {title: "PER MIN", right: true}, {title: "TOTAL", right: true}}}
	for _, c := range sums {
		g.rows = append(g.rows, []Span{{clean(c.Name, a.ASCII), Plain}, {rate(c.PerMinute), Plain}, {count(c.Total), Plain}})
	}
	return a.table(g, rank, 2)
}

func (a artist) rules() section {
	return a.counts("RULE", rankRules, func(s status.Snapshot) []status.Count { return s.Rules })
}

func (a artist) srs() section {
	return a.counts("SRS", rankSRS, func(s status.Snapshot) []status.Count { return s.SRS })
}

func (a artist) connections() section {
	g := grid{ascii: a.ASCII, columns: []column{{title: "CONNECTIONS", flex: true}, {title: "OPEN", right: true}, {title: "TOTAL", right: true}}}
	for _, d := range a.answering() {
		for _, c := range d.last.Connections {
			g.rows = append(g.rows, []Span{{clean(c.Daemon, a.ASCII), Plain}, {count(c.Open), Plain}, {count(c.Total), Plain}})
		}
	}
	return a.table(g, rankConnections, 2)
}
