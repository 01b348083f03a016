package counter

import (
	"testing"
	"time"
)

// TestUnsettled: what Redis has of a batch that memory went on counting is left
// out of the next batch, once; of a batch that memory had given away, nothing is.
func TestUnsettled(t *testing.T) {
	now := time.Now()
	units := func(n int64) []Level { return []Level{{"r", "k", Window{10, time.Hour}, n}} }
	for back, want := range map[bool][]int64{true: {3, 8}, false: {8, 8}} {
		b := &handover{taken: now, levels: units(5), back: back}
		m := merge{pending: b}
		m.settle(b)
		for i, w := range want {
			if got := m.unsettled(units(8), now)[0].Units; got != w {
				t.Errorf("back %v, batch %d: %d units of 8, want %d", back, i, got, w)
			}
		}
		if m.pending != nil {
			t.Error("still pending")
		}
	}
}

// TestLateBatch: what has drained since a batch was taken is not added.
func TestLateBatch(t *testing.T) {
	now := newClock()
	h := shareAt(t, "redis://"+startMini(t, now).server.Addr(), now, SharedOptions{})
	h.merge.pending = &handover{id: "late", taken: time.Now().Add(-30 * time.Minute), levels: []Level{{"r", "k", Window{10, time.Hour}, 10}}}
	if n, err := h.mergeBatch(t.Context()); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if left := (subject{store: h}).room(t, Debit{Rule: "r", Key: "k", Windows: per(10, time.Hour)}); left < 4 || left > 5 {
		t.Errorf("%d of 10 remain after half of the window, want 4 or 5", left)
	}
}

// TestLateDecision: what was still charged in memory when Redis was back is
// added, too.
func TestLateDecision(t *testing.T) {
	now := newClock()
	h := shareAt(t, "redis://"+startMini(t, now).server.Addr(), now, SharedOptions{})
	h.rounds(t, true)
	d := Debit{Rule: "r", Key: "k", Windows: per(10, time.Hour), Total: 3}
	if err := h.local.Charge(t.Context(), []Debit{d}, make([]Outcome, 1), false); err != nil {
		t.Fatal(err)
	}
	h.rounds(t, true)
	if left := (subject{store: h}).room(t, d); left != 7 || h.local.Len() != 0 {
		t.Errorf("%d of 10 remain, %d counters in memory", left, h.local.Len())
	}
}
