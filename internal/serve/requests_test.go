package serve_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"postern/internal/serve"
)

func TestEndOfAConnection(t *testing.T) {
	tests := []struct {
		name, send, receive, end string
		leaves                   bool // the client hangs up first
	}{
		{"client leaves at once", "", "", "closed", true},
		{"client leaves after a reply", "a\n", "A\n", "closed", true},
		{"client leaves within the first request", "hal", "", "truncated", true},
		{"client leaves within a later request", "a\nhal", "A\n", "truncated", true},
		{"handler says goodbye", "a\nbye\n", "A\n", "closed", false},
		{"handler refuses", "bad\n", "PERM\n", "refused", false},
		{"handler refuses after good requests", "a\nb\nbad\nc\n", "A\nB\nPERM\n", "refused", false},
		{"handler panics", "a\npanic\nb\n", "", "panic", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sockets(t, func(t *testing.T, ln net.Listener) {
				v := start(t, ln, &serve.Server{Handler: serve.HandlerFunc(shout)})
				c := dial(t, ln)
				send(t, c, tt.send)
				want(t, c, tt.receive)
				if tt.leaves {
					c.Close()
				} else {
					wantClosed(t, c)
				}
				<-v.log.ended // else the stop might be the reason
				if err := v.stopped(); err != nil {
					t.Fatal(err)
				}
				v.wantEnd(tt.end, 1)
				if n := v.metric("connections", ""); n != 0 {
					t.Errorf("connections is %v after the end", n)
				}
			})
		})
	}
}

func TestPanicEndsOneConnectionOnly(t *testing.T) {
	ln := listen(t, "tcp")
	v := start(t, ln, &serve.Server{Handler: serve.HandlerFunc(shout)})
	good, bad := dial(t, ln), dial(t, ln)
	send(t, good, "a\n")
	want(t, good, "A\n")
	send(t, bad, "panic\n")
	wantClosed(t, bad)
	send(t, good, "b\n")
	want(t, good, "B\n")
	v.stopped()
	v.wantEnd("panic", 1)
	for _, part := range []string{"level=ERROR", "panic: the handler broke", "harness_test.go", "conn=2", "listener=inet:127.0.0.1:"} {
		if !strings.Contains(v.log.String(), part) {
			t.Errorf("the log does not have %q:\n%s", part, v.log)
		}
	}
}

// writes is a connection that notes each write.
type writes struct {
	net.Conn
	each chan string
}

func (w writes) Write(p []byte) (int, error) {
	w.each <- string(p)
	return len(p), nil
}

func TestPipelinedRepliesLeaveTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipes()
		v := start(t, ln, &serve.Server{Handler: serve.HandlerFunc(shout)})
		client, server := net.Pipe()
		each := make(chan string, 10)
		ln.conns <- writes{server, each}

		send(t, client, "a\nb\nc\nunfin") // no reply may wait for the rest
		synctest.Wait()
		if got := <-each; got != "A\nB\nC\n" {
			t.Errorf("first write %q", got)
		}
		send(t, client, "ished\nd\n")
		synctest.Wait()
		if got := <-each; got != "UNFINISHED\nD\n" {
			t.Errorf("second write %q", got)
		}
		client.Close()
		v.stopped()
		if len(each) > 0 {
			t.Errorf("a third write: %q", <-each)
		}
	})
}

func TestRequestsLargerThanTheBuffer(t *testing.T) {
	sockets(t, func(t *testing.T, ln net.Listener) {
		start(t, ln, &serve.Server{Handler: serve.HandlerFunc(shout)})
		c := dial(t, ln)
		long := strings.Repeat("x", 100_000) + "\n"
		go io.WriteString(c, long+"a\n"+long)
		want(t, c, strings.ToUpper(long+"a\n"+long))
	})
}

// A client in the middle of a large request reads the refusal, not a reset.
func TestRefusalReachesABusyWriter(t *testing.T) {
	refuse := func(_ context.Context, r *bufio.Reader, w *bufio.Writer) error {
		if _, err := r.Discard(10); err != nil {
			return err
		}
		w.WriteString("PERM too large\n")
		return errMalformed
	}
	sockets(t, func(t *testing.T, ln net.Listener) {
		v := start(t, ln, &serve.Server{Handler: serve.HandlerFunc(refuse)})
		c := dial(t, ln)
		send(t, c, strings.Repeat("x", 200_000))
		want(t, c, "PERM too large\n")
		wantClosed(t, c)
		c.Close()
		v.stopped()
		v.wantEnd("refused", 1)
		if !strings.Contains(v.log.String(), "malformed request: no letters") {
			t.Errorf("the log does not say why:\n%s", v.log)
		}
	})
}

func TestHandlerSeesItsConnection(t *testing.T) {
	tell := func(ctx context.Context, r *bufio.Reader, w *bufio.Writer) error {
		r.Discard(1)
		_, err := fmt.Fprintf(w, "%d;", serve.ID(ctx))
		return err
	}
	ln := listen(t, "tcp")
	start(t, ln, &serve.Server{Handler: serve.HandlerFunc(tell)})
	for _, id := range []string{"1;", "2;", "3;"} {
		c := dial(t, ln)
		send(t, c, "xx")
		want(t, c, id+id)
	}
	if n := serve.ID(t.Context()); n != 0 {
		t.Errorf("outside a connection the id is %d", n)
	}
}

// One request and its reply cost no memory, whatever the table behind costs.
func TestNoAllocationPerRequest(t *testing.T) {
	ln := listen(t, "unix")
	start(t, ln, &serve.Server{Handler: serve.HandlerFunc(echoLine)})
	c := dial(t, ln)
	request, reply := []byte("a key\n"), make([]byte, 6)
	n := testing.AllocsPerRun(2000, func() {
		c.Write(request)
		if _, err := io.ReadFull(c, reply); err != nil || !bytes.Equal(reply, request) {
			t.Fatalf("received %q, %v", reply, err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations per request", n)
	}
}

func TestServerThatCannotServe(t *testing.T) {
	both := &serve.Server{Daemon: "d", Handler: serve.HandlerFunc(shout), ConnHandler: session(nil)}
	tests := []struct {
		name   string
		server *serve.Server
		want   string
	}{
		{"no handler", &serve.Server{Daemon: "d"}, "serve: d: a server has a Handler or a ConnHandler"},
		{"two handlers", both, "serve: d: a server has a Handler or a ConnHandler"},
		{"no connections", &serve.Server{Daemon: "d", Handler: both.Handler, Limits: serve.Limits{Connections: -1}},
			"serve: d: limits: connections: -1 is less than one"},
		{"no time", &serve.Server{Daemon: "d", Handler: both.Handler, Limits: serve.Limits{Idle: -1}},
			"serve: d: limits: idle: -1ns is less than no time"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ln := listen(t, "tcp")
			err := tt.server.Serve(t.Context(), ln)
			if err == nil || err.Error() != tt.want {
				t.Errorf("error %v, want %s", err, tt.want)
			}
			if _, err := ln.Accept(); err == nil {
				t.Error("the listener was left open")
			}
		})
	}
}
