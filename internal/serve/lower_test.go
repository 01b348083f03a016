package serve_test

import (
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/serve"
)

// session is a function as a ConnHandler.
type session func(ctx context.Context, c net.Conn)

func (s session) ServeConn(ctx context.Context, c net.Conn) { s(ctx, c) }

// The lower floor learns of a stop by its context and may then finish.
func TestConnHandlerFinishesAtAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipes()
		v := start(t, ln, &serve.Server{ConnHandler: session(func(ctx context.Context, c net.Conn) {
			if serve.ID(ctx) != 1 {
				t.Errorf("id %d", serve.ID(ctx))
			}
			<-ctx.Done()
			time.Sleep(5 * time.Second) // what it is at
			io.WriteString(c, "done")
		})})
		c := ln.dial()
		synctest.Wait()
		v.stop()
		want(t, c, "done")
		wantClosed(t, c)
		if err := <-v.done; err != nil {
			t.Error(err)
		}
		v.wantEnd("drained", 1)
	})
}

// The lame duck counts on the lower floor, too, until it is over or somebody
// is in a hurry.
func TestConnHandlerLameDuck(t *testing.T) {
	for name, hurryAfter := range map[string]time.Duration{"over": 0, "hurry": 300 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ln, hurry := newPipes(), make(chan struct{})
				v := start(t, ln, &serve.Server{
					Hurry: hurry, Limits: serve.Limits{LameDuck: 1000 * time.Second},
					ConnHandler: session(func(ctx context.Context, c net.Conn) { <-ctx.Done() }),
				})
				c := ln.dial()
				synctest.Wait()
				began, want := time.Now(), 1000*time.Second
				v.stop()
				if hurryAfter > 0 {
					want = hurryAfter
					time.AfterFunc(hurryAfter, func() { close(hurry) })
				}
				wantClosed(t, c)
				if d := time.Since(began); d != want {
					t.Errorf("told after %v, want %v", d, want)
				}
				v.stopped()
				v.wantEnd("drained", 1)
			})
		})
	}
}

func TestConnHandlerThatDoesNotFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipes()
		v := start(t, ln, &serve.Server{ConnHandler: session(func(ctx context.Context, c net.Conn) {
			c.SetReadDeadline(time.Time{})
			io.Copy(io.Discard, c)
		})})
		ln.dial()
		synctest.Wait()
		began := time.Now()
		if err := v.stopped(); err == nil {
			t.Error("no error although a connection was cut off")
		}
		if d := time.Since(began); d != 10*time.Second {
			t.Errorf("cut off after %v", d)
		}
		v.wantEnd("aborted", 1)
	})
}

func TestConnHandlerOfASilentPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipes()
		v := start(t, ln, &serve.Server{ConnHandler: session(func(ctx context.Context, c net.Conn) {
			io.Copy(io.Discard, c)
		})})
		c := ln.dial()
		began := time.Now()
		wantClosed(t, c)
		if d := time.Since(began); d != 10*time.Second {
			t.Errorf("closed after %v", d)
		}
		v.stopped()
		v.wantEnd("closed", 1)
	})
}

func TestConnHandlerPanicsAndIsEvicted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipes()
		v := start(t, ln, &serve.Server{
			Limits: serve.Limits{Connections: 1},
			ConnHandler: session(func(ctx context.Context, c net.Conn) {
				if serve.ID(ctx) == 2 {
					panic("broke")
				}
				io.Copy(io.Discard, c)
			}),
		})
		first := ln.dial()
		second := ln.dial() // the first never said a word
		wantClosed(t, first)
		wantClosed(t, second)
		v.stopped()
		v.wantEnd("evicted", 1)
		v.wantEnd("panic", 1)
	})
}
