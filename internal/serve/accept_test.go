package serve_test

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/serve"
)

func acceptError(errno syscall.Errno) error {
	return &net.OpError{Op: "accept", Net: "unix", Err: os.NewSyscallError("accept4", errno)}
}

// No error of accept ends the service, and a streak of them does not make it
// spin.
func TestAcceptErrorsAreWaitedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipes()
		v := start(t, ln, &serve.Server{Handler: serve.HandlerFunc(shout)})
		began := time.Now()
		for _, err := range []error{
			acceptError(syscall.EMFILE), acceptError(syscall.ENFILE), acceptError(syscall.ENOMEM),
			acceptError(syscall.ECONNABORTED), acceptError(syscall.EPERM), errors.New("who knows"),
			acceptError(syscall.EMFILE), acceptError(syscall.EMFILE), acceptError(syscall.EMFILE), acceptError(syscall.EMFILE),
		} {
			ln.errs <- err
		}
		c := ln.dial()
		if d := time.Since(began); d < 3*time.Second || d > 4*time.Second {
			t.Errorf("the ten pauses took %v", d)
		}
		ask(t, c, "hello")
		ln.errs <- acceptError(syscall.EMFILE)
		c2 := ln.dial()
		ask(t, c2, "hello")
		c.Close()
		c2.Close()
		v.stopped()
		if n := v.metric("accept_errors_total", ""); n != 11 {
			t.Errorf("accept_errors_total is %v", n)
		}
		if n := strings.Count(v.log.String(), "accept failed"); n != 2 {
			t.Errorf("%d log lines for two streaks of errors", n)
		}
	})
}

// Where descriptors run out before the limit is reached, room is made too.
func TestNoDescriptorsMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipes()
		v := start(t, ln, &serve.Server{Handler: serve.HandlerFunc(shout)})
		silent := ln.dial()
		time.Sleep(time.Second)
		ln.errs <- acceptError(syscall.EMFILE)
		synctest.Wait()
		if isOpen(silent) {
			t.Error("the half-open connection still holds its descriptor")
		}
		v.stopped()
		v.wantEnd("evicted", 1)
	})
}

func TestStopDuringAcceptErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipes()
		v := start(t, ln, &serve.Server{Handler: serve.HandlerFunc(shout)})
		for range 9 {
			ln.errs <- acceptError(syscall.EMFILE)
		}
		began := time.Now()
		if err := v.stopped(); err != nil || time.Since(began) != 0 {
			t.Errorf("stopped after %v: %v", time.Since(began), err)
		}
	})
}

// Those whom the kernel let in before the stop are answered, as many as they
// are and although nobody had accepted them.
func TestStopAnswersWhoWasLetIn(t *testing.T) {
	sockets(t, func(t *testing.T, ln net.Listener) {
		var waiting []net.Conn
		for range 100 {
			c := dial(t, ln)
			send(t, c, "hello\n")
			waiting = append(waiting, c)
		}
		ctx, stop := context.WithCancel(t.Context())
		stop()
		server := &serve.Server{Daemon: "test", Handler: serve.HandlerFunc(shout)}
		if err := server.Serve(ctx, ln); err != nil {
			t.Error(err)
		}
		for _, c := range waiting {
			want(t, c, "HELLO\n")
			wantClosed(t, c)
		}
	})
}

// A listener that is closed from outside drains its connections, for a
// configuration that no longer names it.
func TestClosedListenerDrains(t *testing.T) {
	sockets(t, func(t *testing.T, ln net.Listener) {
		v := start(t, ln, &serve.Server{Handler: serve.HandlerFunc(shout)})
		c := dial(t, ln)
		ask(t, c, "hello")
		ln.Close()
		if err := <-v.done; err != nil {
			t.Error(err)
		}
		wantClosed(t, c)
		v.wantEnd("drained", 1)
	})
}
