package counter

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// TestStateOfTheStoreThatRuns: a store that is used for a while longer, after
// another took its place, says nothing, and after the last there is no state.
func TestStateOfTheStoreThatRuns(t *testing.T) {
	m := NewSharedMetrics(prometheus.NewRegistry())
	before, after := &Shared{}, &Shared{}
	want := func(when string, up ...float64) {
		t.Helper()
		if n := testutil.CollectAndCount(m.up); n != len(up) {
			t.Fatalf("%s: %d values, want %v", when, n, up)
		}
		if len(up) == 1 && testutil.ToFloat64(m.up) != up[0] {
			t.Errorf("%s: up is %v, want %v", when, testutil.ToFloat64(m.up), up[0])
		}
	}
	want("at first")
	m.begin(before)
	m.state(before, true, 1)
	want("Redis is there", 1)
	m.begin(after)
	m.state(after, false, 1)
	m.state(before, true, 2)
	want("another is away", 0)
	m.end(before)
	want("the one before has ended", 0)
	m.end(after)
	want("none runs")
	if n := testutil.CollectAndCount(m.hosts); n != 0 {
		t.Errorf("hosts of no store: %d", n)
	}
}
