package top

import (
	"slices"
	"strings"
	"time"

	"postern/internal/status"
)

const (
	maxDecisions = 1000 // kept for scrolling
	maxPast      = 240  // values of a map's chart: more than a line has cells for
)

// Answer is what came of asking a daemon once.
type Answer struct {
	Daemon   string
	At       time.Time
	Snapshot status.Snapshot
	Err      error // it did not answer
}

// Model is what is known of the daemons. The zero value knows none.
type Model struct {
	daemons   []*known // by name
	decisions []decision
}

// known is what is known of a daemon.
type known struct {
	name     string
	answered bool // once, at least
	last     status.Snapshot
	trouble  string    // why it does not answer; empty: it does
	since    time.Time // it did not answer
	maps     map[string]*flow
}

// flow is how the answers of a map go.
type flow struct {
	perSecond float64
	trouble   float64   // per second
	past      []float64 // per second, oldest first
}

// decision is one with the daemon that made it, to tell them apart.
type decision struct {
	daemon string
	status.Decision
}

// Take adds an answer to what is known.
func (m *Model) Take(a Answer) {
	d := m.daemon(a.Daemon)
	if a.Err != nil {
		if d.trouble == "" {
			d.since = a.At
		}
		d.trouble = a.Err.Error()
		d.rest()
		return
	}
	d.follow(a.Snapshot)
	d.answered, d.trouble, d.last = true, "", a.Snapshot
	m.remember(d.name, a.Snapshot.Decisions)
}

// Answering counts the daemons whose last answer came.
func (m *Model) Answering() (n int) {
	for _, d := range m.daemons {
		if d.trouble == "" {
			n++
		}
	}
	return n
}

// names are the daemons that are known.
func (m *Model) names() []string {
	var names []string
	for _, d := range m.daemons {
		names = append(names, d.name)
	}
	return names
}

func (m *Model) daemon(name string) *known {
	at, found := slices.BinarySearchFunc(m.daemons, name, func(d *known, name string) int { return strings.Compare(d.name, name) })
	if !found {
		m.daemons = slices.Insert(m.daemons, at, &known{name: name})
	}
	return m.daemons[at]
}

// follow takes what the totals of the maps grew by since the answer before. A
// daemon that was started anew, or whose clock stands, has none yet: then it is
// taken at its word.
func (d *known) follow(next status.Snapshot) {
	elapsed := next.Now.Sub(d.last.Now).Seconds()
	same := d.answered && next.PID == d.last.PID && next.Started.Equal(d.last.Started) && elapsed > 0
	before := map[string]status.Lookups{}
	if same {
		for _, l := range d.last.Lookups {
			before[l.Map] = l
		}
	}
	flows := make(map[string]*flow, len(next.Lookups))
	for _, l := range next.Lookups {
		f := &flow{perSecond: l.PerSecond}
		if old := d.maps[l.Map]; old != nil {
			f.past = old.past
		}
		if b, known := before[l.Map]; known {
			f.perSecond = max(0, total(l)-total(b)) / elapsed
			f.trouble = max(0, l.Trouble-b.Trouble) / elapsed
		}
		f.past = later(f.past, f.perSecond)
		flows[l.Map] = f
	}
	d.maps = flows
}

// rest is what follow does for a daemon that does not answer.
func (d *known) rest() {
	for _, f := range d.maps {
		f.perSecond, f.trouble, f.past = 0, 0, later(f.past, 0)
	}
}

func total(l status.Lookups) float64 { return l.Found + l.NotFound + l.Trouble }

// later adds a value to a past.
func later(past []float64, value float64) []float64 {
	past = append(past, value)
	return past[max(0, len(past)-maxPast):]
}

// remember adds decisions that are not known yet, newest first.
func (m *Model) remember(daemon string, latest []status.Decision) {
	seen := make(map[decision]bool, len(m.decisions))
	for _, d := range m.decisions {
		seen[d] = true
	}
	for _, l := range latest {
		l.At = l.At.Round(0).UTC() // times are compared whole
		d := decision{daemon, l}
		if !seen[d] {
			seen[d] = true
			m.decisions = append(m.decisions, d)
		}
	}
	slices.SortStableFunc(m.decisions, func(a, b decision) int { return b.At.Compare(a.At) })
	m.decisions = m.decisions[:min(len(m.decisions), maxDecisions)]
}

// answering are the daemons whose figures hold.
func (m *Model) answering() []*known {
	var all []*known
	for _, d := range m.daemons {
		if d.trouble == "" {
			all = append(all, d)
		}
	}
	return all
}
