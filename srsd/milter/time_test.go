package milter_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/lookup"
	"postern/internal/milter/miltertest"
	"postern/srsd/milter"
)

// timed runs test in a bubble whose clock only moves when all wait.
func timed(t *testing.T, rules milter.Rules, test func(t *testing.T, r *rig, p *peer, stop context.CancelFunc)) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(rules)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		p, done := r.connect(t, ctx)
		test(t, r, p, stop)
		p.Conn.Close()
		<-done
	})
}

// wantEndAfter wants the milter to hang up after exactly that time.
func (p *peer) wantEndAfter(d time.Duration) {
	p.t.Helper()
	began := time.Now()
	for reply := range p.Replies {
		p.t.Errorf("milter says %q", reply)
	}
	if took := time.Since(began); took != d {
		p.t.Errorf("closed after %v, want %v", took, d)
	}
}

func TestTimeouts(t *testing.T) {
	tests := []struct {
		name string
		talk func(p *peer)
		want time.Duration
	}{
		{"a peer that never speaks", func(p *peer) {}, 30 * time.Second},
		{"half a negotiation", func(p *peer) { p.raw([]byte{0, 0}) }, 30 * time.Second},
		{"a session that says no more", func(p *peer) { p.open() }, time.Hour},
		{"a message that says no more", func(p *peer) { p.open().send("MAIL <a@far.example>"); p.Want("continue") }, time.Hour},
		{"half a length", func(p *peer) { p.open().raw([]byte{0, 0, 0}) }, 30 * time.Second},
		{"half a MAIL", func(p *peer) { p.open().raw(miltertest.Frame('M', []byte("<a@far.example>"))[:9]) }, 30 * time.Second},
		{"half a body", func(p *peer) { p.open().raw(miltertest.Frame('B', make([]byte, 60000))[:50000]) }, 30 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			timed(t, fakeRules(), func(t *testing.T, r *rig, p *peer, _ context.CancelFunc) {
				tt.talk(p)
				p.wantEndAfter(tt.want)
			})
		})
	}
}

// The deadline that the core sets for a first request is replaced.
func TestDeadlineOfTheCore(t *testing.T) {
	r := newRig(fakeRules())
	ours, theirs := net.Pipe()
	ours.SetReadDeadline(time.Unix(1, 0))
	done := make(chan struct{})
	go func() { defer close(done); r.handler.ServeConn(t.Context(), ours) }()
	newPeer(t, theirs).open().send("QUIT")
	<-done
}

// A session that is used stays, however long.
func TestLongSession(t *testing.T) {
	timed(t, fakeRules(), func(t *testing.T, r *rig, p *peer, _ context.CancelFunc) {
		p.open()
		for range 5 {
			time.Sleep(50 * time.Minute)
			p.send("MAIL <a@far.example>", "RCPT <b@home.example>")
			p.Want("continue", "continue")
			time.Sleep(50 * time.Minute) // the body comes in slowly
			p.send("END", "ABORT")
			p.Want("accept")
		}
	})
}

// A peer that asks and does not read is not waited for.
func TestPeerDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(fakeRules())
		ours, theirs := net.Pipe()
		done := make(chan struct{})
		go func() { defer close(done); r.handler.ServeConn(t.Context(), ours) }()
		b, _ := packet(optneg)
		theirs.Write(b)
		began := time.Now()
		<-done
		if took := time.Since(began); took != 30*time.Second {
			t.Errorf("closed after %v, want 30s", took)
		}
	})
}

// hang is a Map that answers when it is no longer asked.
func hang(ctx context.Context, _ string) (string, bool, error) {
	<-ctx.Done()
	return "", false, ctx.Err()
}

func TestSlowRules(t *testing.T) {
	rules := fakeRules()
	rules.Forward = lookup.Func(hang)
	rules.Refuse = func(ctx context.Context, _, recipient string) (string, error) {
		if strings.HasPrefix(recipient, "slow") {
			<-ctx.Done()
		}
		return "", ctx.Err()
	}
	timed(t, rules, func(t *testing.T, r *rig, p *peer, _ context.CancelFunc) {
		p.open().send("MAIL <a@far.example>")
		p.Want("continue")
		for _, command := range []string{"RCPT <slow@out.example>", "RCPT <b@out.example>", "END"} {
			began := time.Now()
			p.send(command)
			switch got := <-p.Replies; {
			case command == "RCPT <b@out.example>":
				if got != "continue" {
					t.Errorf("%s: %q", command, got)
				}
			case got != "tempfail" || time.Since(began) != 25*time.Second:
				t.Errorf("%s: %q after %v, want tempfail after 25s", command, got, time.Since(began))
			}
		}
		wantResults(t, r, "deferred=1 recipient_deferred=1")
	})
}

func TestStop(t *testing.T) {
	t.Run("between messages the connection closes", func(t *testing.T) {
		timed(t, fakeRules(), func(t *testing.T, r *rig, p *peer, stop context.CancelFunc) {
			p.open()
			stop()
			p.wantEndAfter(100 * time.Millisecond)
		})
	})
	t.Run("before the negotiation too", func(t *testing.T) {
		timed(t, fakeRules(), func(t *testing.T, r *rig, p *peer, stop context.CancelFunc) {
			stop()
			p.wantEndAfter(100 * time.Millisecond)
		})
	})
	t.Run("a message on its way is taken and finished", func(t *testing.T) {
		timed(t, fakeRules(), func(t *testing.T, r *rig, p *peer, stop context.CancelFunc) {
			p.open()
			stop()
			time.Sleep(90 * time.Millisecond)
			p.send("MAIL <a@far.example>")
			p.Want("continue")
			time.Sleep(10 * time.Minute)
			p.send("RCPT <b@out.example>", "END")
			p.Want("continue", "from <fwd+a=far.example@srs.example>", "accept")
			p.wantEndAfter(0)
		})
	})
	t.Run("a message under way is finished", func(t *testing.T) {
		timed(t, fakeRules(), func(t *testing.T, r *rig, p *peer, stop context.CancelFunc) {
			p.open().send("MAIL <a@far.example>")
			p.Want("continue")
			stop()
			time.Sleep(10 * time.Minute)
			p.send("RCPT <b@out.example>")
			p.Want("continue")
			time.Sleep(10 * time.Minute)
			p.send("END")
			p.Want("from <fwd+a=far.example@srs.example>", "accept")
			p.wantEndAfter(0)
		})
	})
	t.Run("an aborted message is finished", func(t *testing.T) {
		timed(t, fakeRules(), func(t *testing.T, r *rig, p *peer, stop context.CancelFunc) {
			p.open().send("MAIL <a@far.example>")
			p.Want("continue")
			stop()
			time.Sleep(time.Minute)
			p.send("ABORT")
			p.wantEndAfter(0)
		})
	})
	t.Run("look-ups under way are not spoiled", func(t *testing.T) {
		rules := fakeRules()
		rules.Forward = lookup.Func(func(ctx context.Context, key string) (string, bool, error) {
			time.Sleep(20 * time.Second)
			if ctx.Err() != nil {
				return "", false, ctx.Err()
			}
			return fakeForward(ctx, key)
		})
		timed(t, rules, func(t *testing.T, r *rig, p *peer, stop context.CancelFunc) {
			p.open().send("MAIL <a@far.example>", "RCPT <b@out.example>", "END")
			p.Want("continue", "continue")
			synctest.Wait()
			stop()
			p.Want("from <fwd+a=far.example@srs.example>", "accept")
			p.wantEndAfter(0)
		})
	})
	t.Run("a lame duck goes on for a while", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(fakeRules())
			r.handler.Timeouts.LameDuck = time.Minute
			ctx, stop := context.WithCancel(t.Context())
			p, _ := r.connect(t, ctx)
			p.open()
			stop()
			for range 2 {
				time.Sleep(20 * time.Second)
				p.send("MAIL <a@far.example>", "RCPT <b@home.example>", "END")
				p.Want("continue", "continue", "accept")
			}
			p.wantEndAfter(20 * time.Second)
		})
	})
}
