package milter_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"postern/internal/lookup"
	"postern/internal/milter/miltertest"
	"postern/internal/serve"
	"postern/srsd/milter"
)

// listener opens a socket of either kind.
func listener(t *testing.T, network string) net.Listener {
	t.Helper()
	at := "127.0.0.1:0"
	if network == "unix" {
		at = filepath.Join(t.TempDir(), "milter")
	}
	ln, err := net.Listen(network, at)
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// onServer runs the rig's handler on the connection core.
type onServer struct {
	t    *testing.T
	ln   net.Listener
	stop context.CancelFunc
	done chan error
}

func startServer(t *testing.T, r *rig, network string, limits serve.Limits) *onServer {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	v := &onServer{t: t, ln: listener(t, network), stop: stop, done: make(chan error, 1)}
	s := &serve.Server{Daemon: "milter", ConnHandler: &r.handler, Limits: limits}
	go func() {
		v.done <- s.Serve(ctx, v.ln)
		close(v.done)
	}()
	t.Cleanup(func() {
		stop()
		<-v.done
	})
	return v
}

func (v *onServer) dial() *peer {
	v.t.Helper()
	conn, err := net.Dial(v.ln.Addr().Network(), v.ln.Addr().String())
	if err != nil {
		v.t.Fatal(err)
	}
	return newPeer(v.t, conn)
}

// TestServer runs on the connection core over real sockets.
func TestServer(t *testing.T) {
	for _, network := range []string{"unix", "tcp"} {
		t.Run(network, func(t *testing.T) {
			t.Run("two hundred at once", func(t *testing.T) { testCrowd(t, network) })
			t.Run("stop", func(t *testing.T) { testStop(t, network) })
			t.Run("cut off", func(t *testing.T) { testCutOff(t, network) })
			t.Run("evicted", func(t *testing.T) { testEvicted(t, network) })
			t.Run("a refusal is read before the end", func(t *testing.T) {
				p := startServer(t, newRig(fakeRules()), network, serve.Limits{}).dial()
				p.send("OPTNEG 6 0x3f 0")
				p.Want("tempfail")
				p.wantClosed()
			})
		})
	}
}

// testCrowd has 200 sessions of three mails each side by side, each with
// addresses of its own.
func testCrowd(t *testing.T, network string) {
	r := newRig(fakeRules())
	v := startServer(t, r, network, serve.Limits{})
	var all sync.WaitGroup
	for i := range 200 {
		p := v.dial()
		all.Go(func() {
			if err := p.session(i); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	v.stop()
	if err := <-v.done; err != nil {
		t.Error(err)
	}
	wantResults(t, r, "local=200 recipient_refused=200 reversed=200 rewritten=200")
}

// session sends a mail that leaves, an aborted one and a local one.
func (p *peer) session(i int) error {
	from := fmt.Sprintf("MAIL <u%d@far.example>", i)
	for _, turn := range [][2]string{
		{optneg, agreed}, {from, "continue"},
		{fmt.Sprintf("RCPT <fwd+v%d=out.example@srs.example>", i), "continue"},
		{"RCPT <forged@srs.example>", "reply 550 5.1.1 <forged@srs.example>: forged, 100%% sure"},
		{"END", fmt.Sprintf("delete <fwd+v%d=out.example@srs.example>", i)},
		{"ABORT", fmt.Sprintf("add <v%d@out.example>", i)},
		{"MACRO MAIL i x", fmt.Sprintf("from <fwd+u%d=far.example@srs.example>", i)},
		{"MACRO MAIL i x", "accept"},
		{from, "continue"}, {"RCPT <b@out.example>", "continue"}, {"ABORT", ""},
		{from, "continue"}, {"RCPT <b@home.example>", "continue"}, {"END", "accept"},
		{"QUIT", "(closed)"},
	} {
		p.send(turn[0])
		if turn[1] == "" {
			continue
		}
		if err := p.heard(turn[1]); err != nil {
			return fmt.Errorf("session %d: %s: %w", i, turn[0], err)
		}
	}
	return nil
}

// heard is want for goroutines.
func (p *peer) heard(want string) error {
	select {
	case got, open := <-p.Replies:
		if !open {
			got = "(closed)"
		}
		if got != want {
			return fmt.Errorf("milter says %q, want %q", got, want)
		}
		return nil
	case <-time.After(miltertest.Patience):
		return errors.New("milter says nothing")
	}
}

// testStop stops with one session in a message, one between two and one that
// has yet to begin.
func testStop(t *testing.T, network string) {
	r := newRig(fakeRules())
	v := startServer(t, r, network, serve.Limits{})
	under, between, silent := v.dial(), v.dial(), v.dial()
	under.open().send("MAIL <a@far.example>", "RCPT <b@out.example>")
	under.Want("continue", "continue")
	between.open()
	v.stop()
	between.wantClosed()
	silent.wantClosed()
	under.send("END")
	under.Want("from <fwd+a=far.example@srs.example>", "accept")
	under.wantClosed()
	if err := <-v.done; err != nil {
		t.Error(err)
	}
}

// testCutOff has a session in a message for longer than the core drains.
func testCutOff(t *testing.T, network string) {
	v := startServer(t, newRig(fakeRules()), network, serve.Limits{Drain: 50 * time.Millisecond})
	p := v.dial().open()
	p.send("MAIL <a@far.example>")
	p.Want("continue")
	v.stop()
	p.wantClosed()
	if err := <-v.done; err == nil {
		t.Error("no error although a connection was cut off")
	}
}

// testEvicted fills a house of one.
func testEvicted(t *testing.T, network string) {
	v := startServer(t, newRig(fakeRules()), network, serve.Limits{Connections: 1})
	silent := v.dial()
	next := v.dial().open() // goes on when silent has gone
	silent.wantClosed()
	next.send("QUIT")
	next.wantClosed()
}

// A map that hangs at the hard end of a stop ends with its time.
func TestHungMapAtTheEnd(t *testing.T) {
	rules := fakeRules()
	asked := make(chan struct{})
	rules.Forward = lookup.Func(func(ctx context.Context, key string) (string, bool, error) {
		close(asked)
		return hang(ctx, key)
	})
	r := newRig(rules)
	r.handler.Timeouts = milter.Timeouts{Answer: 600 * time.Millisecond}
	v := startServer(t, r, "unix", serve.Limits{Drain: 10 * time.Millisecond})
	p := v.dial().open()
	p.send("MAIL <a@far.example>", "RCPT <b@out.example>", "END")
	p.Want("continue", "continue")
	<-asked
	v.stop()
	p.wantClosed()
	if err := <-v.done; err == nil {
		t.Error("no error although a connection was cut off")
	}
	wantResults(t, r, "deferred=1")
}
