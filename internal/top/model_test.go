package top

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"postern/internal/status"
)

// asked is a snapshot of one map at a second after noon.
func asked(second int, found, trouble float64, perSecond float64) status.Snapshot {
	return status.Snapshot{
		Daemon: "serve", PID: 1, Started: noon(), Now: noon().Add(time.Duration(second) * time.Second),
		Lookups: []status.Lookups{{Map: "virtual", Found: found, Trouble: trouble, PerSecond: perSecond}},
	}
}

func TestRates(t *testing.T) {
	restarted := asked(6, 3, 0, 0.5)
	restarted.PID = 2
	backwards := asked(4, 50, 0, 7)
	for _, test := range []struct {
		name          string
		answers       []Answer
		want, trouble float64
		past          []float64
	}{
		{"first is its own word", []Answer{said(asked(2, 100, 5, 9))}, 9, 0, []float64{9}},
		{"difference", []Answer{said(asked(2, 100, 5, 9)), said(asked(4, 120, 9, 9))}, 12, 2, []float64{9, 12}},
		{"restarted", []Answer{said(asked(2, 100, 5, 9)), said(restarted)}, 0.5, 0, []float64{9, 0.5}},
		{"clock stands", []Answer{said(asked(2, 100, 5, 9)), said(asked(2, 100, 5, 9))}, 9, 0, []float64{9, 9}},
		{"totals shrink", []Answer{said(asked(2, 100, 5, 9)), said(backwards)}, 0, 0, []float64{9, 0}},
		{"gone", []Answer{said(asked(2, 100, 5, 9)), {Daemon: "serve", At: noon(), Err: errors.New("gone")}}, 0, 0, []float64{9, 0}},
		{"back", []Answer{said(asked(2, 100, 5, 9)), {Daemon: "serve", Err: errors.New("gone")}, said(asked(12, 200, 5, 9))}, 10, 0, []float64{9, 0, 10}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var m Model
			for _, a := range test.answers {
				m.Take(a)
			}
			f := m.daemons[0].maps["virtual"]
			if f.perSecond != test.want || f.trouble != test.trouble || !slices.Equal(f.past, test.past) {
				t.Errorf("got %v, trouble %v, past %v, want %v, %v, %v", f.perSecond, f.trouble, f.past, test.want, test.trouble, test.past)
			}
		})
	}
}

func TestPastIsBounded(t *testing.T) {
	var m Model
	for i := range 3 * maxPast {
		m.Take(said(asked(i, float64(i), 0, 0)))
	}
	if n := len(m.daemons[0].maps["virtual"].past); n != maxPast {
		t.Errorf("%d values are kept", n)
	}
}

func TestDecisionsAreKept(t *testing.T) {
	var m Model
	shot := func(from, to int) status.Snapshot {
		s := status.Snapshot{Daemon: "policyd"}
		for i := to - 1; i >= from; i-- {
			at := noon().Add(time.Duration(i) * time.Second).In(time.FixedZone("other", i))
			s.Decisions = append(s.Decisions, status.Decision{At: at, ID: fmt.Sprint(i)})
		}
		return s
	}
	m.Take(said(shot(0, 20)))
	m.Take(said(shot(10, 30)))
	if n := len(m.decisions); n != 30 || m.decisions[0].ID != "29" || m.decisions[29].ID != "0" {
		t.Fatalf("%d decisions: %v", n, m.decisions)
	}
	m.Take(said(shot(30, 30+2*maxDecisions)))
	if n := len(m.decisions); n != maxDecisions || m.decisions[0].ID != fmt.Sprint(29+2*maxDecisions) {
		t.Errorf("%d decisions, the last %v", n, m.decisions[0])
	}
}

func TestAnswering(t *testing.T) {
	m := several()
	if n, names := m.Answering(), m.names(); n != 2 || !slices.Equal(names, []string{"policyd", "serve", "srsd", "tcptable"}) {
		t.Errorf("%d of %q", n, names)
	}
}
