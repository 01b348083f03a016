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

func upper(s string) string { return strings.ToUpper(s) }

// ask sends one request and checks its reply.
func ask(t *testing.T, c net.Conn, request string) {
	t.Helper()
	send(t, c, request+"\n")
	want(t, c, upper(request)+"\n")
}

// isOpen reports whether the server has not closed c.
func isOpen(c net.Conn) bool {
	c.SetReadDeadline(time.Now().Add(time.Nanosecond))
	defer c.SetReadDeadline(time.Time{})
	_, err := c.Read(make([]byte, 1))
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}

func TestFullHouse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipes()
		v := start(t, ln, &serve.Server{Handler: serve.HandlerFunc(shout), Limits: serve.Limits{Connections: 4}})
		asker, silent, half := ln.dial(), ln.dial(), ln.dial()
		ask(t, asker, "one")
		send(t, half, "hal") // more recent than silent, and as unanswered
		time.Sleep(time.Second)

		fourth := ln.dial() // the house is full now: room is made for a fifth
		ask(t, fourth, "four")
		time.Sleep(time.Second)
		if isOpen(silent) || !isOpen(asker) || !isOpen(half) || !isOpen(fourth) {
			t.Fatal("not the silent one was closed")
		}
		if n := v.metric("connection_limit_reached_total", ""); n != 1 {
			t.Errorf("the limit was reached %v times", n)
		}
		fifth := ln.dial()
		time.Sleep(50 * time.Millisecond)
		if isOpen(half) || !isOpen(fifth) {
			t.Fatal("not the half request was closed")
		}
		ask(t, fifth, "five")
		sixth := ln.dial() // asker and fourth are idle, but not for Spare
		ask(t, sixth, "six")
		time.Sleep(5 * time.Second)
		ask(t, asker, "again")
		if !isOpen(fourth) {
			t.Fatal("fourth was closed before Spare had passed")
		}
		time.Sleep(6 * time.Second)
		if isOpen(fourth) || !isOpen(asker) {
			t.Fatal("not the one idle longest was closed")
		}
		v.stopped()
		v.wantEnd("evicted", 3)
		if n := strings.Count(v.log.String(), "connection limit reached"); n != 1 {
			t.Errorf("%d log lines about the limit, want 1 a minute", n)
		}
	})
}

// Who is being answered is never closed, however full the house.
func TestFullHouseOfBusyPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipes()
		slow := func(ctx context.Context, r *bufio.Reader, w *bufio.Writer) error {
			time.Sleep(30 * time.Second)
			return shout(ctx, r, w)
		}
		v := start(t, ln, &serve.Server{Handler: serve.HandlerFunc(slow), Limits: serve.Limits{Connections: 2}})
		a, b := ln.dial(), ln.dial()
		send(t, a, "a\n")
		send(t, b, "b\n")
		var late net.Conn
		wait := make(chan struct{})
		go func() {
			late = ln.dial()
			close(wait)
		}()
		want(t, a, "A\n")
		want(t, b, "B\n")
		time.Sleep(5 * time.Second)
		if !isOpen(a) || !isOpen(b) {
			t.Fatal("a connection that was busy is taken for an idle one")
		}
		<-wait
		ask(t, late, "late")
		v.stopped()
		v.wantEnd("evicted", 2) // a for late and b for who may come next, when idle for Spare
	})
}

// 5,000 half-open connections at ten times the limit: good clients are served,
// both the one that was there before and those that come.
func TestHalfOpenConnections(t *testing.T) {
	const attackers, limit = 5000, 500
	ln := listen(t, "tcp")
	v := start(t, ln, &serve.Server{Handler: serve.HandlerFunc(shout), Limits: serve.Limits{Connections: limit}})
	old := dial(t, ln)
	ask(t, old, "before")

	var wg sync.WaitGroup
	held := make(chan net.Conn, attackers)
	for i := range 50 {
		wg.Go(func() {
			for range attackers / 50 {
				c, err := net.Dial("tcp", ln.Addr().String())
				if err != nil {
					t.Error(err)
					return
				}
				if i%2 == 0 {
					io.WriteString(c, "hal")
				}
				held <- c
			}
		})
	}
	for n := 0; len(held) < attackers && !t.Failed(); n++ {
		ask(t, old, "during")
		if n%10 == 0 {
			c, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			ask(t, c, "newcomer")
			c.Close()
		}
		if n := v.metric("connections", ""); n > limit {
			t.Fatalf("%v connections are open, the limit is %d", n, limit)
		}
	}
	wg.Wait()
	ask(t, old, "after")
	ask(t, dial(t, ln), "behind them all in the queue")
	v.stopped()
	for range len(held) {
		(<-held).Close()
	}
	if n := v.metric("connections_total", "evicted"); n < attackers/2 {
		t.Errorf("%v of %d evicted", n, attackers)
	}
}
