package serve

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// house holds the connections of one listener.
type house struct {
	listener string
	hurry    <-chan struct{} // ends the lame duck
	limits   Limits
	counters *counters
	log      *slog.Logger
	loud     rate.Sometimes // keeps a hostile peer from filling the log
	crowded  rate.Sometimes // the same for a full house
	floor    floor

	opened time.Time     // the origin of all times kept here
	places chan struct{} // holds one element per connection

	// answering ends when the drain is over, stopping with the lame duck.
	answering, stopping context.Context
	abort, stop         context.CancelFunc

	mu      sync.Mutex
	conns   map[*conn]struct{}
	lastID  uint64
	leaving bool          // the drain has begun
	empty   chan struct{} // closed when leaving and no connection is left
}

// floor serves one connection to its end.
type floor interface {
	serve(c *conn) (end, error)
	// release asks a connection to end when it has nothing to answer (drained)
	// or needs its peer for that (evicted). It does not wait.
	release(c *conn, why end)
}

func newHouse(ctx context.Context, limits Limits, counters *counters, log *slog.Logger) *house {
	h := &house{
		limits:   limits,
		counters: counters,
		log:      log,
		loud:     rate.Sometimes{First: 20, Interval: time.Second},
		crowded:  rate.Sometimes{Interval: time.Minute},
		opened:   time.Now(),
		places:   make(chan struct{}, limits.Connections),
		conns:    make(map[*conn]struct{}),
		empty:    make(chan struct{}),
	}
	h.answering, h.abort = context.WithCancel(context.WithoutCancel(ctx))
	h.stopping, h.stop = context.WithCancel(h.answering)
	return h
}

// now is the time since the house opened, plus one so that it is never 0.
func (h *house) now() time.Duration {
	return time.Since(h.opened) + 1
}

// at turns a time of now back into one of the clock.
func (h *house) at(t time.Duration) time.Time {
	return h.opened.Add(t - 1)
}

// enter starts a connection whose place is taken.
func (h *house) enter(nc net.Conn) {
	c := &conn{Conn: nc, wire: directly(nc), house: h, accepted: h.now()}
	h.mu.Lock()
	h.lastID++
	c.id = h.lastID
	h.conns[c] = struct{}{}
	h.mu.Unlock()
	h.counters.open.Inc()
	go h.live(c)
}

// live is the life of one connection.
func (h *house) live(c *conn) {
	why := endClosed
	var err error
	defer func() {
		if p := recover(); p != nil {
			why, err = endPanic, fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
		c.Conn.Close()
		h.leave(c, why, err)
	}()
	why, err = h.floor.serve(c)
	if c.cause() == endAborted {
		why = endAborted
	}
}

// leave forgets a connection and gives its place back.
func (h *house) leave(c *conn, why end, err error) {
	h.report(c, why, err)
	h.counters.ended[why].Inc()
	h.counters.open.Dec()
	h.mu.Lock()
	delete(h.conns, c)
	if h.leaving && len(h.conns) == 0 {
		close(h.empty)
	}
	h.mu.Unlock()
	<-h.places
}

// report logs the end of a connection.
func (h *house) report(c *conn, why end, err error) {
	level := slog.LevelDebug
	switch why {
	case endPanic:
		level = slog.LevelError
	case endRefused:
		level = slog.LevelWarn
	}
	if !h.log.Enabled(h.answering, level) {
		return
	}
	attrs := []any{"conn", c.id, "end", why.String(), "open", h.now() - c.accepted}
	if peer := c.RemoteAddr(); peer != nil {
		attrs = append(attrs, "peer", peer.String())
	}
	if err != nil {
		attrs = append(attrs, "error", err)
	}
	say := func() { h.log.Log(h.answering, level, "connection ended", attrs...) }
	if level == slog.LevelDebug {
		say()
		return
	}
	h.loud.Do(say)
}
