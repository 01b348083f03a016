package supervise_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

// wantReleased checks that the other end closes c, unasked.
func (h *house) wantReleased(c *client) {
	h.Helper()
	_, err := c.lines.ReadString('\n')
	if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		h.Errorf("the connection was not released: %v", err)
	}
}

func TestManyReloads(t *testing.T) {
	for _, leavers := range []int{0, 3} { // 0 is the default of 8
		t.Run(fmt.Sprint(leavers), func(t *testing.T) {
			h := newHouse(t, settings{Answer: "0"})
			h.parent.Leavers = leavers
			h.start()
			var clients []*client // one for each worker, the oldest first
			for n := range 10 {
				c := h.dial()
				h.wantAnswer(c, "?", fmt.Sprint(n))
				clients = append(clients, c)
				h.mustReload(settings{Answer: fmt.Sprint(n + 1)})
			}
			if leavers == 0 {
				leavers = 8
			}
			for n, c := range clients {
				if n < len(clients)-leavers {
					h.wantReleased(c)
				} else {
					h.wantAnswer(c, "?", "10")
				}
			}
			h.wantAnswer(h.dial(), "?", "10")
		})
	}
}

func TestLameDuckEnds(t *testing.T) {
	h := newHouse(t, settings{Answer: "one"})
	h.parent.LameDuck = 0
	h.start()
	c := h.dial()
	h.wantAnswer(c, "?", "one")
	h.mustReload(settings{Answer: "two"})
	h.wantReleased(c)
	h.wantAnswer(h.dial(), "?", "two")
}

// A leaver that cannot use the new settings must not go on with the old.
func TestLeaverThatCannotApply(t *testing.T) {
	h := newHouse(t, settings{Answer: "one", Mood: picky}).start()
	c := h.dial()
	h.wantAnswer(c, "?", "one")
	h.mustReload(settings{Answer: "two"})
	h.wantReleased(c)
	h.wantAnswer(h.dial(), "?", "two")
	if !strings.Contains(h.logged(), "not to my taste") {
		t.Error("the log does not say why")
	}
}

func TestStubbornLeaverIsKilled(t *testing.T) {
	h := newHouse(t, settings{Mood: stubborn})
	h.parent.LameDuck, h.parent.Grace = 0, 100*time.Millisecond
	h.start()
	c := h.dial()
	h.wantAnswer(c, "?", "")
	h.mustReload(settings{Answer: "two"})
	h.wantReleased(c)
	h.awaitLog("has not drained in time: killed")
	if err := h.end(); err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestStop(t *testing.T) {
	for _, c := range []struct {
		name, mood string
		want       string
	}{
		{name: "drains at once"},
		{name: "with a worker that does not", mood: stubborn, want: "stop: 2 workers had not drained after 100ms and were killed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, settings{Mood: c.mood})
			if c.mood != "" {
				h.parent.Grace = 100 * time.Millisecond
			}
			h.start()
			leaver := h.dial()
			h.wantAnswer(leaver, "?", "")
			h.mustReload(settings{Mood: c.mood})
			current := h.dial()
			h.wantAnswer(current, "?", "")
			err := h.end()
			if got := fmt.Sprint(err); err != nil && got != c.want || err == nil && c.want != "" {
				t.Errorf("Run: %v, want %q", err, c.want)
			}
			h.wantReleased(leaver)
			h.wantReleased(current)
			if _, err := net.Dial("unix", h.addr); err == nil {
				t.Error("somebody listens")
			}
		})
	}
}
