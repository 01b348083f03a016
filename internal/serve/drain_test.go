package serve_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/serve"
)

// gate holds each request until the test lets it through.
type gate struct {
	entered, through chan struct{}
}

func newGate() gate {
	return gate{make(chan struct{}, 100), make(chan struct{})}
}

func (g gate) ServeRequest(ctx context.Context, r *bufio.Reader, w *bufio.Writer) error {
	line, err := r.ReadString('\n')
	if err != nil {
		return err
	}
	g.entered <- struct{}{}
	select {
	case <-g.through:
	case <-ctx.Done():
		return ctx.Err()
	}
	_, err = w.WriteString(upper(line))
	return err
}

// An idle connection is released at once; a busy one is answered first, and so
// is a request that had arrived behind it.
func TestDrainAnswersWhatHasArrived(t *testing.T) {
	sockets(t, func(t *testing.T, ln net.Listener) {
		g := newGate()
		v := start(t, ln, &serve.Server{Handler: g})
		idle, busy := dial(t, ln), dial(t, ln)
		send(t, idle, "zero\n")
		<-g.entered
		g.through <- struct{}{}
		want(t, idle, "ZERO\n")
		send(t, busy, "one\n")
		<-g.entered
		send(t, busy, "two\nthr") // in the kernel: nobody reads now
		v.stop()
		wantClosed(t, idle)
		send(t, busy, "ee\n")
		close(g.through)
		want(t, busy, "ONE\nTWO\nTHREE\n")
		wantClosed(t, busy)
		if err := <-v.done; err != nil {
			t.Error(err)
		}
		v.wantEnd("drained", 2)
	})
}

// The rest of a request that has begun is waited for.
func TestDrainLetsARequestFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipes()
		v := start(t, ln, &serve.Server{Handler: serve.HandlerFunc(shout)})
		first, later := ln.dial(), ln.dial()
		send(t, first, "hal")
		send(t, later, "a\nhal")
		want(t, later, "A\n")
		synctest.Wait()
		v.stop()
		time.Sleep(1500 * time.Millisecond)
		for _, c := range []net.Conn{first, later} {
			send(t, c, "f\n")
			want(t, c, "HALF\n")
			wantClosed(t, c)
		}
		if err := <-v.done; err != nil {
			t.Error(err)
		}
		v.wantEnd("drained", 2)
	})
}

// A request that outlasts the drain is cut off, and Serve says so.
func TestDrainIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipes()
		g := newGate()
		v := start(t, ln, &serve.Server{Handler: g})
		stuck, half := ln.dial(), ln.dial()
		send(t, stuck, "a\n")
		send(t, half, "hal")
		time.Sleep(time.Second)
		began := time.Now()
		err := v.stopped()
		if d := time.Since(began); d != 10*time.Second {
			t.Errorf("Serve returned after %v", d)
		}
		if err == nil || !strings.Contains(err.Error(), "drain:") || !strings.Contains(err.Error(), "cut off") {
			t.Errorf("error %v", err)
		}
		v.wantEnd("aborted", 1)
		v.wantEnd("unasked", 1) // two seconds after the stop: the rest did not come
		stuck.Close()
		half.Close()
	})
}

// A handler that ignores its context cannot hold Serve up.
func TestDrainLeavesADeafHandlerBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipes()
		v := start(t, ln, &serve.Server{Handler: serve.HandlerFunc(func(context.Context, *bufio.Reader, *bufio.Writer) error {
			time.Sleep(time.Hour)
			return io.EOF
		})})
		c := ln.dial()
		send(t, c, "a")
		began := time.Now()
		if err := v.stopped(); err == nil {
			t.Error("no error")
		}
		if d := time.Since(began); d != 11*time.Second {
			t.Errorf("Serve returned after %v", d)
		}
		time.Sleep(time.Hour)
	})
}

func TestLameDuckIsStillAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipes()
		v := start(t, ln, &serve.Server{Handler: serve.HandlerFunc(shout), Limits: serve.Limits{LameDuck: 1000 * time.Second}})
		leaves, stays := ln.dial(), ln.dial()
		ask(t, leaves, "before")
		ask(t, stays, "before")
		v.stop()
		began := time.Now()
		time.Sleep(300 * time.Second)
		ask(t, leaves, "during")
		leaves.Close()
		time.Sleep(600 * time.Second)
		ask(t, stays, "during")
		wantClosed(t, stays)
		if d := time.Since(began); d != 1000*time.Second {
			t.Errorf("released after %v", d)
		}
		v.stopped()
		v.wantEnd("closed", 1)
		v.wantEnd("drained", 1)
	})
}

// Hurry ends the lame duck, and no request with it.
func TestHurryEndsTheLameDuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipes()
		hurry := make(chan struct{})
		v := start(t, ln, &serve.Server{Handler: serve.HandlerFunc(shout), Hurry: hurry, Limits: serve.Limits{LameDuck: 1000 * time.Second}})
		idle, busy := ln.dial(), ln.dial()
		ask(t, idle, "before")
		v.stop()
		time.Sleep(5 * time.Second)
		ask(t, idle, "during")
		began := time.Now()
		send(t, busy, "hal")
		synctest.Wait()
		close(hurry)
		wantClosed(t, idle)
		send(t, busy, "f\n")
		want(t, busy, "HALF\n")
		v.stopped()
		if d := time.Since(began); d != 0 {
			t.Errorf("released after %v", d)
		}
	})
}

// A stop at any moment of the setting of a deadline is not lost: else its
// connection would go on until the drain time was over, and Serve would fail.
// Requests in two pieces make the core set two deadlines each.
func TestDrainMeetsDeadlinesBeingSet(t *testing.T) {
	for range 30 {
		ln := listen(t, "unix")
		v := start(t, ln, &serve.Server{Handler: serve.HandlerFunc(shout), Limits: serve.Limits{Drain: 5 * time.Second}})
		var busy, wg sync.WaitGroup
		for range 8 {
			c := dial(t, ln)
			busy.Add(1)
			wg.Go(func() {
				for n := 0; ; n++ {
					io.WriteString(c, "a")
					io.WriteString(c, "b\n")
					if _, err := io.ReadFull(c, make([]byte, 3)); err != nil {
						return
					}
					if n == 20 {
						busy.Done()
					}
				}
			})
		}
		busy.Wait()
		if err := v.stopped(); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
	}
}

// Who was let in and has not asked came to ask, so the question is awaited.
func TestDrainAwaitsTheQuestionOfANewcomer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipes()
		v := start(t, ln, &serve.Server{Handler: serve.HandlerFunc(shout)})
		silent, slow := ln.dial(), ln.dial()
		time.Sleep(time.Second)
		newcomer := ln.dial()
		synctest.Wait()
		v.stop()
		began := time.Now()
		time.Sleep(1900 * time.Millisecond)
		for _, c := range []net.Conn{slow, newcomer} {
			ask(t, c, "hello")
			wantClosed(t, c)
		}
		wantClosed(t, silent)
		if d := time.Since(began); d != 2*time.Second {
			t.Errorf("the silent one went after %v", d)
		}
		if err := <-v.done; err != nil {
			t.Error(err)
		}
		v.wantEnd("drained", 2)
		v.wantEnd("unasked", 1)
	})
}
