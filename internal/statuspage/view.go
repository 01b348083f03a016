package statuspage

import (
	"html/template"
	"slices"
	"strings"
	"time"

	"postern/internal/status"
)

const (
	shownDecisions = 25
	shownRules     = 12
)

// view is a Snapshot in words.
type view struct {
	Style   template.CSS
	Refresh bool
	CanAsk  bool
	Asking  bool
	Maps    []string
	Asked   question
	Result  *result

	Title, Daemon, Host, Version, Up string
	Now                              stamp
	PID                              int

	State   status.State
	Verdict string
	Health  []status.Health
	Fine    []string // what is good
	Charts  []chart

	Lookups     []lookups
	Silent      string // maps that nobody asked
	Cache       []pair
	Databases   []database
	Tables      []table
	Rules       []row
	MoreRules   int
	SRS         []row
	Connections []connection
	Decisions   []decision
	Policy      bool
}

type (
	stamp   struct{ Machine, People string }
	pair    struct{ Name, Value string }
	row     struct{ Name, Total, PerMinute string }
	lookups struct {
		Map, Found, NotFound, Trouble, PerSecond, Mean string
		InTrouble                                      bool
	}
	table      struct{ Name, Rows, Age string }
	connection struct{ Daemon, Open, Total string }
	database   struct{ Name, State, InUse, Open, Max string }
	decision   struct {
		status.Decision
		Time   stamp
		Shadow bool
		By     string
		Kind   string // refused, delayed, other
	}
)

func newView(s status.Snapshot) view {
	v := view{
		Title: strings.TrimSpace("postern " + s.Host), Daemon: s.Daemon, Host: s.Host, Version: s.Version, PID: s.PID,
		Now: at(s.Now, s.Now), Up: ago(s.Now.Sub(s.Started)),
	}
	v.Health, v.Fine = sorted(s.Health)
	v.State, v.Verdict = verdict(s)
	v.addCharts(s.Series)
	v.addLookups(s.Lookups)
	v.addStores(s)
	v.Rules, v.SRS = rows(s.Rules), rows(s.SRS)
	if len(v.Rules) > shownRules {
		v.Rules, v.MoreRules = v.Rules[:shownRules], len(v.Rules)-shownRules
	}
	for _, c := range s.Connections {
		v.Connections = append(v.Connections, connection{c.Daemon, count(c.Open), count(c.Total)})
		v.Policy = v.Policy || c.Daemon == "policyd"
	}
	for i, d := range s.Decisions {
		if i == shownDecisions {
			break
		}
		v.Decisions = append(v.Decisions, decided(d, s.Now))
	}
	v.Policy = v.Policy || len(v.Decisions) > 0
	return v
}

// sorted puts what is bad first; what is good and has nothing to say is named
// apart, tables together.
func sorted(all []status.Health) (rows []status.Health, fine []string) {
	var poor, good []status.Health
	var tables []string
	for _, h := range all {
		name, isTable := strings.CutPrefix(h.Name, "table ")
		switch {
		case h.State == status.Bad:
			rows = append(rows, h)
		case h.State == status.Poor:
			poor = append(poor, h)
		case h.Text != "":
			good = append(good, h)
		case isTable:
			tables = append(tables, name)
		default:
			fine = append(fine, h.Name)
		}
	}
	if len(tables) > 0 {
		fine = append(fine, "tables "+strings.Join(tables, ", "))
	}
	return slices.Concat(rows, poor, good), fine
}

// verdict is the worst that is known, in a sentence.
func verdict(s status.Snapshot) (status.State, string) {
	var bad, poor []string
	for _, h := range s.Health {
		switch h.State {
		case status.Bad:
			bad = append(bad, h.Name)
		case status.Poor:
			poor = append(poor, h.Name)
		}
	}
	switch {
	case s.NotReady != "":
		return status.Bad, "Postfix’s questions cannot be answered: " + s.NotReady
	case len(bad) > 0:
		return status.Bad, "Mail is affected: " + strings.Join(bad, ", ")
	case len(poor) > 0:
		return status.Poor, "Something needs a look: " + strings.Join(poor, ", ")
	}
	return status.Good, "All is well"
}

// at is a time for machines and, with the day where it is not today, for people.
func at(t, now time.Time) stamp {
	t, now = t.UTC(), now.UTC()
	format := "15:04:05"
	if t.Format(time.DateOnly) != now.Format(time.DateOnly) {
		format = "2006-01-02 15:04"
	}
	return stamp{t.Format(time.RFC3339), t.Format(format)}
}

func (v *view) addCharts(all []status.Series) {
	rate := func(n float64) string { return few(n) + "/s" }
	for _, c := range []struct {
		title, name string
		say         show
		other, word string
	}{
		{"Lookups", "lookups", rate, "trouble", "trouble"},
		{"Cache hits", "hits", percent, "", ""},
		{"Database questions", "queries", rate, "", ""},
		{"Database answers in", "latency", took, "", ""},
		{"Policy requests", "decisions", rate, "refused", "refused"},
		{"SRS rewrites", "srs", rate, "", ""},
	} {
		if made, ok := chartOf(all, c.title, c.name, c.say, c.other, c.word); ok {
			v.Charts = append(v.Charts, made)
		}
	}
}

func (v *view) addLookups(all []status.Lookups) {
	var silent []string
	for _, l := range all {
		if l.Found+l.NotFound+l.Trouble == 0 {
			silent = append(silent, l.Map)
			continue
		}
		v.Lookups = append(v.Lookups, lookups{
			Map: l.Map, Found: count(l.Found), NotFound: count(l.NotFound), Trouble: count(l.Trouble),
			PerSecond: few(l.PerSecond), Mean: took(l.Mean), InTrouble: l.Trouble > 0,
		})
	}
	v.Silent = strings.Join(silent, ", ")
}

func (v *view) addStores(s status.Snapshot) {
	if c := s.Cache; c != nil {
		v.Cache = []pair{
			{"Hits of the last minute", percent(c.Hits)}, {"Answers held", count(c.Entries)},
			{"Requests", count(c.Total)}, {"Stale answers", count(c.Stale)},
		}
	}
	for _, d := range s.Database {
		v.Databases = append(v.Databases, database{d.Name, d.State(), count(d.InUse), count(d.Open), count(d.Max)})
	}
	for _, t := range s.Tables {
		v.Tables = append(v.Tables, table{t.Name, count(t.Rows), current(t)})
	}
}

// current is when the rows of a table were those of the database.
func current(t status.Table) string {
	switch {
	case t.PerKey:
		return "asked per key"
	case !t.Loaded:
		return "never"
	}
	return ago(t.Lag()) + " ago"
}

func rows(all []status.Count) []row {
	var out []row
	for _, c := range all {
		out = append(out, row{c.Name, count(c.Total), few(c.PerMinute)})
	}
	return out
}

func decided(d status.Decision, now time.Time) decision {
	out := decision{Decision: d, Time: at(d.At, now), Shadow: d.Mode == "shadow", By: strings.TrimSpace(d.Check + " " + d.Rule), Kind: "other"}
	switch {
	case out.Shadow:
	case d.Refuses():
		out.Kind = "refused"
	case d.Delays():
		out.Kind = "delayed"
	}
	out.Action = strings.ReplaceAll(d.Action, "_", " ")
	return out
}
