package serve

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// lastMoment is how long a connection that waits is waited for, should
	// another process take it.
	lastMoment = 100 * time.Millisecond

	// firstPause and longestPause bound the waits after errors of accept.
	firstPause   = 5 * time.Millisecond
	longestPause = time.Second
)

// accept fills the house until ctx ends or the listener is closed.
func (h *house) accept(ctx context.Context, ln net.Listener) {
	defer ln.Close()
	woken := make(chan struct{})
	defer context.AfterFunc(ctx, func() {
		acceptWithin(ln, 0)
		close(woken)
	})()
	var pause time.Duration
	for h.takePlace(ctx) {
		conn, err := ln.Accept()
		if err == nil {
			pause = 0
			h.enter(conn)
			continue
		}
		<-h.places
		if ctx.Err() != nil {
			<-woken // or its deadline would be the one of the last call
			h.lastCall(ln)
			return
		}
		if errors.Is(err, net.ErrClosed) {
			h.log.Info("listener was closed")
			return
		}
		pause = h.failed(ctx, err, pause)
	}
}

// lastCall accepts those whom the kernel had let in when the stop came: they
// would be reset when the listener closes. It ends when nobody waits, or with
// the last place; a stream of newcomers does not keep it up.
func (h *house) lastCall(ln net.Listener) {
	for range h.limits.Connections {
		if !awaited(ln) {
			return
		}
		select {
		case h.places <- struct{}{}:
		default:
			return
		}
		acceptWithin(ln, lastMoment)
		conn, err := ln.Accept()
		if err != nil {
			<-h.places
			return
		}
		h.enter(conn)
	}
}

// awaited reports whether somebody waits to be accepted. It looks past the
// deadline, which would keep an accept from looking.
func awaited(ln net.Listener) (waits bool) {
	control(ln, func(fd int) {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		waits = err == nil && n > 0
	})
	return waits
}

// acceptWithin makes accept return after the time, by an error if not before.
func acceptWithin(ln net.Listener, limit time.Duration) {
	if d, ok := ln.(interface{ SetDeadline(time.Time) error }); ok {
		if d.SetDeadline(time.Now().Add(limit)) == nil {
			return
		}
	}
	ln.Close()
}

// failed waits out an error of accept and returns how long it waited.
func (h *house) failed(ctx context.Context, err error, pause time.Duration) time.Duration {
	if pause == 0 {
		h.log.Error("accept failed, trying again", "error", err)
	}
	h.counters.accept.Inc()
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		h.makeRoom()
	}
	pause = min(max(firstPause, 2*pause), longestPause)
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return pause
}
