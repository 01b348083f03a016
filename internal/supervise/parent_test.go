package supervise_test

import (
	"testing"
)

func TestFirstStart(t *testing.T) {
	h := newHouse(t, settings{Answer: "one"}).start()
	h.wantAnswer(h.dial(), "?", "one")
	if err := h.end(); err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestReloadKeepsConnections(t *testing.T) {
	h := newHouse(t, settings{Answer: "one"}).start()
	old := h.dial()
	h.wantAnswer(old, "?", "one")
	h.mustReload(settings{Answer: "two"})
	h.wantAnswer(h.dial(), "?", "two")
	h.becomes(old, "two")
	h.mustReload(settings{Answer: "three"})
	h.becomes(old, "three")
}
