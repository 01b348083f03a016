package redial

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echoes answers lines; after says what it does behind each reply.
type echoes struct {
	net.Listener
	accepted atomic.Int32
}

func listen(t *testing.T, after func(net.Conn)) *echoes {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &echoes{Listener: ln}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			e.accepted.Add(1)
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				for {
					line, err := r.ReadString('\n')
					if err != nil {
						return
					}
					_, _ = io.WriteString(c, line)
					after(c)
				}
			}()
		}
	}()
	t.Cleanup(func() { _ = ln.Close() })
	return e
}

func newPool(t *testing.T, e *echoes) *Pool {
	p := New("tcp", e.Addr().String(), 2)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func ask(r *bufio.Reader, w *bufio.Writer) error {
	_, _ = w.WriteString("hello\n")
	if err := w.Flush(); err != nil {
		return err
	}
	line, err := r.ReadString('\n')
	if err == nil && line != "hello\n" {
		return errors.New("out of step: " + line)
	}
	return err
}

func TestConnectionIsReused(t *testing.T) {
	e := listen(t, func(net.Conn) {})
	p := newPool(t, e)
	for range 10 {
		if err := p.Do(t.Context(), ask); err != nil {
			t.Fatal(err)
		}
	}
	if n := e.accepted.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestIdleConnectionIsNotTrusted(t *testing.T) {
	said := make(chan struct{})
	for name, after := range map[string]func(net.Conn){
		"server left":        func(c net.Conn) { _ = c.Close(); said <- struct{}{} },
		"server speaks up":   func(c net.Conn) { _, _ = io.WriteString(c, "surprise\n"); said <- struct{}{} },
		"server half closed": func(c net.Conn) { _ = c.(*net.TCPConn).CloseWrite(); said <- struct{}{} },
	} {
		t.Run(name, func(t *testing.T) {
			e := listen(t, after)
			p := newPool(t, e)
			for range 3 {
				if err := p.Do(t.Context(), ask); err != nil {
					t.Fatal(err)
				}
				<-said
			}
			if n := e.accepted.Load(); n != 3 {
				t.Errorf("%d connections", n)
			}
		})
	}
}

func TestOldConnectionIsNotUsed(t *testing.T) {
	e := listen(t, func(net.Conn) {})
	p := newPool(t, e)
	if err := p.Do(t.Context(), ask); err != nil {
		t.Fatal(err)
	}
	p.idle[0].since = time.Now().Add(-maxIdle)
	if err := p.Do(t.Context(), ask); err != nil || e.accepted.Load() != 2 {
		t.Errorf("%v, %d connections", err, e.accepted.Load())
	}
}

func TestBrokenConnectionIsRetriedOnce(t *testing.T) {
	e := listen(t, func(net.Conn) {})
	for name, c := range map[string]struct {
		err   error
		times int
	}{
		"end of file": {io.EOF, 2}, "in mid-reply": {io.ErrUnexpectedEOF, 2},
		"malformed": {errors.New("malformed"), 1}, "late": {context.DeadlineExceeded, 1}, "fine": {nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			times := 0
			err := newPool(t, e).Do(t.Context(), func(*bufio.Reader, *bufio.Writer) error {
				times++
				return c.err
			})
			if !errors.Is(err, c.err) || times != c.times {
				t.Errorf("%v, asked %d times", err, times)
			}
		})
	}
}

func TestContext(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") // answers nothing
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	p := New("tcp", ln.Addr().String(), 1)
	defer p.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	started, done := make(chan struct{}), make(chan error)
	go func() {
		done <- p.Do(ctx, func(r *bufio.Reader, w *bufio.Writer) error {
			close(started)
			return ask(r, w)
		})
	}()
	<-started
	if err := p.Do(ctx, ask); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting for a slot: %v", err)
	}
	if err := <-done; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting for a reply: %v", err)
	}
	if err := p.Do(ctx, ask); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("connecting: %v", err)
	}
}

func TestClose(t *testing.T) {
	e := listen(t, func(net.Conn) {})
	p := newPool(t, e)
	err := p.Do(t.Context(), func(r *bufio.Reader, w *bufio.Writer) error {
		_ = p.Close()
		return ask(r, w)
	})
	if err != nil || len(p.idle) != 0 {
		t.Errorf("%v, %d idle", err, len(p.idle))
	}
	if err := p.Do(t.Context(), ask); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}
