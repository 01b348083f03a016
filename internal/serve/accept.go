package serve

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"
)

const (
	// lastCall is the time to accept those whom the kernel had let in when the
	// stop came. Without it they would be reset when the listener closes.
	lastCall = time.Millisecond

	// firstPause and longestPause bound the waits after errors of accept.
	firstPause   = 5 * time.Millisecond
	longestPause = time.Second
)

// accept fills the house until ctx ends or the listener is closed.
func (h *house) accept(ctx context.Context, ln net.Listener) {
	defer ln.Close()
	defer context.AfterFunc(ctx, func() { callLast(ln) })()
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
			return
		}
		if errors.Is(err, net.ErrClosed) {
			h.log.Info("listener was closed")
			return
		}
		pause = h.failed(ctx, err, pause)
	}
}

// callLast makes accept return, at once or soon.
func callLast(ln net.Listener) {
	if d, ok := ln.(interface{ SetDeadline(time.Time) error }); ok {
		if d.SetDeadline(time.Now().Add(lastCall)) == nil {
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
