package serve

import (
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// farewell is the time that connections have to end after they were cut.
	farewell = time.Second

	// lingerTime and lingerBytes bound the wait for a peer that is still
	// sending to take the last reply.
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 256 << 10
)

// drain ends the service: idle connections at once, busy ones when they have
// answered, those that take too long by force.
func (h *house) drain() error {
	defer h.abort()
	began := h.now()
	open := h.startLeaving()
	h.log.Info("draining", "connections", open)
	if h.emptyWithin(h.limits.LameDuck, h.hurry) {
		h.log.Info("drained", "took", h.now()-began)
		return nil
	}
	h.each(func(c *conn) { h.floor.release(c, endDrained) })
	h.stop()
	if h.emptyWithin(h.limits.Drain, nil) {
		h.log.Info("drained", "took", h.now()-began)
		return nil
	}
	h.abort()
	cut := h.each(func(c *conn) { c.cut(endAborted) })
	h.emptyWithin(farewell, nil)
	return fmt.Errorf("drain: %d connections were cut off after %v", cut, h.limits.LameDuck+h.limits.Drain)
}

// startLeaving has the last connection close empty.
func (h *house) startLeaving() (open int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.leaving = true
	if len(h.conns) == 0 {
		close(h.empty)
	}
	return len(h.conns)
}

// each calls f for every connection and counts them.
func (h *house) each(f func(*conn)) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.conns {
		f(c)
	}
	return len(h.conns)
}

// emptyWithin waits for the last connection to leave, until the limit has
// passed or hurry is closed.
func (h *house) emptyWithin(limit time.Duration, hurry <-chan struct{}) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-h.empty:
		return true
	case <-timer.C:
		return false
	case <-hurry:
		return false
	}
}

// received reports whether bytes of the peer have arrived that nobody has
// read. It looks past the deadline, which would keep a read from looking.
func received(c net.Conn) bool {
	n := 0
	control(c, func(fd int) {
		var b [1]byte
		n, _, _ = unix.Recvfrom(fd, b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	})
	return n > 0
}

// control calls f with the descriptor of a connection or a listener, if it has
// one that is open.
func control(socket any, f func(fd int)) {
	sc, ok := socket.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return
	}
	raw.Control(func(fd uintptr) { f(int(fd)) })
}

// linger ends our half and reads what the peer is still sending, within
// bounds. A close with unread bytes would reset the connection, and the reset
// could overtake the last reply.
func linger(c net.Conn) {
	half, ok := c.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	c.SetReadDeadline(time.Now().Add(lingerTime))
	io.CopyN(io.Discard, c, lingerBytes)
}
