//go:build !race

// The race detector has sync.Pool forget things at random, on purpose.

package srs

import "testing"

// TestAllocations keeps the cost of a request to its result.
func TestAllocations(t *testing.T) {
	r, keys := mustNew(t, Options{}), keysOf("new", "tops3cr3t")
	for name, do := range map[string]func(){
		"forward":      func() { r.Forward(keys, newYear(), "test@otherdomain.com") },
		"forward SRS1": func() { r.Forward(keys, newYear(), "SRS0=opaque+string@otherdomain.com") },
		"reverse":      func() { r.Reverse(keys, newYear(), "SRS0=vmyz=2W=otherdomain.com=test@example.com") },
		"reverse SRS1": func() { r.Reverse(keys, newYear(), "SRS1=chaI=otherdomain.com==opaque+string@example.com") },
		"forged":       func() { r.Reverse(keys, newYear(), "SRS0=FAKE=2W=otherdomain.com=test@example.com") },
	} {
		if got := testing.AllocsPerRun(200, do); got > 3 {
			t.Errorf("%s: %v allocations, want 3 at most", name, got)
		}
	}
}
