package serve

import (
	"context"
	"time"
)

const (
	// patience is how long a newcomer is safe from making room: its request
	// is on its way, and the way may cross an ocean.
	patience = 100 * time.Millisecond

	// roomEvery is the pause between two looks for somebody who can go.
	roomEvery = patience / 4
)

// takePlace waits for a free place and takes it. At the limit it makes room
// until there is one. It gives up when ctx ends.
func (h *house) takePlace(ctx context.Context) bool {
	for tries := 0; ; tries++ {
		select {
		case h.places <- struct{}{}:
			return true
		default:
		}
		if tries == 0 {
			h.counters.full.Inc()
		}
		h.crowded.Do(func() {
			h.log.Warn("connection limit reached, making room", "limit", h.limits.Connections)
		})
		h.makeRoom()
		timer := time.NewTimer(roomEvery)
		select {
		case h.places <- struct{}{}:
			timer.Stop()
			return true
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-timer.C:
		}
	}
}

// makeRoom releases the connection that can best be done without, if any.
func (h *house) makeRoom() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.dispensable(); c != nil {
		h.floor.release(c, endEvicted)
	}
}

// dispensable picks, of those that wait for their peer: the one accepted first
// of those that never had a request answered, else the one idle longest.
func (h *house) dispensable() *conn {
	var unasked, idle *conn
	var idleSince time.Duration
	now := h.now()
	for c := range h.conns {
		since := time.Duration(c.waiting.Load())
		switch {
		case since == 0 || c.cause() != endNone:
		case !c.asked.Load():
			if now-c.accepted >= patience && (unasked == nil || c.id < unasked.id) {
				unasked = c
			}
		case now-since >= h.limits.Spare:
			if idle == nil || since < idleSince {
				idle, idleSince = c, since
			}
		}
	}
	if unasked != nil {
		return unasked
	}
	return idle
}
