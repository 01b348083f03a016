package fromguard_test

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/lookup"
	"postern/internal/milter"
	"postern/internal/milter/miltertest"
	"postern/internal/serve"
	"postern/policyd/fromguard"
)

// begin opens a connection with a message of alice.
func begin(t *testing.T, r *rig) *miltertest.Peer {
	t.Helper()
	p, _ := r.connect(t, t.Context())
	p.Send(miltertest.OptNeg, "MACRO MAIL {auth_authen}=alice", "MAIL <alice@fwd.test>")
	p.Want(agreed, "continue")
	return p
}

func header(p *miltertest.Peer, name, value string) {
	p.Conn.Write(miltertest.Frame('L', []byte(name+"\x00"+value+"\x00")))
}

func TestLimits(t *testing.T) {
	own := "alice@fwd.test"
	for _, test := range []struct {
		name string
		send func(p *miltertest.Peer) int // headers that were sent
		want string
	}{
		{"a long From", func(p *miltertest.Peer) int {
			header(p, "From", strings.Repeat("x", 20<<10)+" <"+own+">")
			return 1
		}, "550 5.7.1 Header From: longer than 16384 bytes: write it shorter"},
		{"a From of almost a packet", func(p *miltertest.Peer) int {
			header(p, "From", own+strings.Repeat(" ", 1<<20-100))
			return 1
		}, "550 5.7.1 Header From: longer than 16384 bytes: write it shorter"},
		{"a long Subject", func(p *miltertest.Peer) int {
			header(p, "Subject", strings.Repeat("x", 1<<20-100))
			header(p, "From", own)
			return 2
		}, "accept"},
		{"many addresses", func(p *miltertest.Peer) int {
			header(p, "From", own+strings.Repeat(","+own, 50))
			return 1
		}, "550 5.7.1 Header From: more than 50 addresses: write fewer"},
		{"many Resent headers", func(p *miltertest.Peer) int {
			header(p, "From", own)
			for range 30 {
				header(p, "Resent-From", own)
			}
			return 31
		}, "550 5.7.1 Header Sender: more than 20 such headers: write fewer"},
		{"a From behind many Resent headers", func(p *miltertest.Peer) int {
			for range 30 {
				header(p, "Resent-From", own)
			}
			header(p, "From", own)
			return 31
		}, "550 5.7.1 Header From: more than 20 such headers: write fewer"},
		{"no value", func(p *miltertest.Peer) int {
			p.Conn.Write(miltertest.Frame('L', []byte("From")))
			return 1
		}, "550 5.7.1 Header From: an address is missing: write name@example.org alone, or Name <name@example.org>"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := begin(t, newRig(fromguard.Options{}))
			sent := make(chan int, 1)
			go func() { sent <- test.send(p) }()
			for range <-sent {
				p.Want("continue")
			}
			p.Send("END")
			wantReply(t, p, test.want)
		})
	}
}

// A hundred thousand headers are none of ours.
func TestManyHeaders(t *testing.T) {
	const many = 100_000
	p := begin(t, newRig(fromguard.Options{}))
	go func() {
		for range many {
			header(p, "X-Trace", "From: ceo@b.test")
		}
		header(p, "From", "alice@fwd.test")
		p.Send("END")
	}()
	for range many + 1 {
		p.Want("continue")
	}
	p.Want("accept")
}

// What reaches the log is bounded and escaped, and a reply names no address.
func TestLogAndReply(t *testing.T) {
	r := newRig(fromguard.Options{})
	p, done := r.connect(t, t.Context())
	long := strings.Repeat("l", 400)
	p.Send(miltertest.OptNeg, "CONNECT mail.example.net 4 587 192.0.2.7", "MACRO MAIL {auth_authen}="+long, "MAIL <>", "HEADER From: secret@"+long+".test", "END", "QUIT")
	var said string
	for reply := range p.Replies {
		said += reply
	}
	<-done
	if strings.Contains(said, "secret") || strings.Contains(said, "lll") {
		t.Errorf("said %q", said)
	}
	if log := r.logged.String(); strings.Contains(log, strings.Repeat("l", 201)) || strings.Contains(log, "secret@") ||
		!strings.Contains(log, "peer=pipe client_address=192.0.2.7 client_name=mail.example.net id=ID action=reject") {
		t.Errorf("log:\n%s", log)
	}
}

// However many addresses a message in shadow mode has, it makes one line for each
// kind of header.
func TestLogOfMany(t *testing.T) {
	r := newRig(fromguard.Options{Mode: fromguard.Shadow})
	p := begin(t, r)
	for i := range 10 {
		header(p, "Resent-From", strings.Repeat("\"ceo@b.test x@away.test\" <x"+strconv.Itoa(i)+"@b.test>, ", 40)+"x@away.test")
		p.Want("continue")
	}
	header(p, "From", "alice@fwd.test")
	p.Send("END", "QUIT")
	p.Want("continue", "accept", "(closed)")
	if n := strings.Count(r.logged.String(), "shadow mode"); n == 0 || n > 4 {
		t.Errorf("%d lines:\n%.2000s", n, &r.logged)
	}
}

// New settings count from the next MAIL on, on open connections too; without
// any, messages are deferred.
func TestReload(t *testing.T) {
	var mu sync.Mutex
	guard := fromguard.New(fromguard.Options{Senders: lookup.Func(senders)})
	r := newRig(fromguard.Options{})
	r.handler.Guard = func() *fromguard.Guard { mu.Lock(); defer mu.Unlock(); return guard }
	swap := func(to *fromguard.Guard) { mu.Lock(); defer mu.Unlock(); guard = to }
	p := begin(t, r)
	swap(fromguard.New(fromguard.Options{Mode: fromguard.Shadow, Senders: lookup.Func(senders)}))
	p.Send("HEADER From: ceo@b.test", "END")
	p.Want("continue")
	if got := p.Heard(); !strings.HasPrefix(got, "reply 550") {
		t.Errorf("milter says %q", got)
	}
	p.Send("MACRO MAIL {auth_authen}=alice", "MAIL <>", "HEADER From: ceo@b.test", "END")
	p.Want("continue", "continue", "accept")
	swap(nil)
	p.Send("MACRO MAIL {auth_authen}=alice", "MAIL <>")
	p.Want("tempfail")
}

// A Handler needs nothing but a guard.
func TestBareHandler(t *testing.T) {
	guard := fromguard.New(fromguard.Options{Senders: lookup.Func(senders)})
	p := begin(t, &rig{handler: fromguard.Handler{Guard: func() *fromguard.Guard { return guard }}})
	p.Send("HEADER From: ceo@b.test", "END", "ABORT", "END")
	p.Want("continue")
	if got := p.Heard(); !strings.HasPrefix(got, "reply 550 5.7.1 Header From") || len(got) < len("(id 12345678)") {
		t.Errorf("milter says %q", got)
	}
	p.Want("tempfail")
}

// A map that hangs ends with its time, and a stop waits for the message.
func TestHungMap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(fromguard.Options{Senders: lookup.Func(func(ctx context.Context, _ string) (string, bool, error) {
			<-ctx.Done()
			return "", false, ctx.Err()
		})})
		r.handler.Timeouts = milter.Timeouts{Answer: 20 * time.Second}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		p, done := r.connect(t, ctx)
		p.Send(miltertest.OptNeg, "MACRO MAIL {auth_authen}=alice", "MAIL <>", "HEADER From: alice@fwd.test")
		p.Want(agreed, "continue", "continue")
		stop()
		began := time.Now()
		p.Send("END")
		if got := p.Heard(); !strings.HasPrefix(got, "reply 451 4.7.1") || time.Since(began) != 20*time.Second {
			t.Errorf("%q after %v", got, time.Since(began))
		}
		<-done
		p.Conn.Close()
	})
}

// A hundred sessions side by side, each with a login of its own, on the
// connection core and a real socket.
func TestCrowd(t *testing.T) {
	r := newRig(fromguard.Options{Senders: lookup.Func(func(_ context.Context, key string) (string, bool, error) {
		login, _, found := strings.Cut(key, "@")
		return login, found && login != "", nil
	})})
	ln, err := net.Listen("unix", t.TempDir()+"/guard")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	s := &serve.Server{Daemon: "policyd", ConnHandler: &r.handler}
	go func() { served <- s.Serve(ctx, ln) }()
	var all sync.WaitGroup
	for i := range 100 {
		conn, err := net.Dial("unix", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		p := miltertest.NewPeer(t, conn)
		all.Go(func() {
			mine, others := fmt.Sprintf("u%d@x%d.test", i, i), fmt.Sprintf("u%d@x%d.test", i+1, i+1)
			p.Send(miltertest.OptNeg)
			for range 5 {
				for from, end := range map[string]string{mine: "accept", others: "reply 550"} {
					p.Send(fmt.Sprintf("MACRO MAIL {auth_authen}=u%d", i), "MAIL <>", "HEADER From: "+from, "END")
					for _, want := range []string{"", "", end} {
						got := p.Heard()
						for strings.HasPrefix(got, "optneg") {
							got = p.Heard()
						}
						if !strings.HasPrefix(got, want) {
							t.Errorf("session %d: %s: %q, want %q", i, from, got, want)
						}
					}
				}
			}
			p.Send("QUIT")
		})
	}
	all.Wait()
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if got := r.counted(t); got != "from/passed=500 from/refused=500 message/passed=500 message/refused=500" {
		t.Error(got)
	}
}

// FuzzConversation sends arbitrary bytes after a negotiation, or none, and
// hangs up. The guard must end, and say only what the protocol knows.
func FuzzConversation(f *testing.F) {
	for _, lines := range [][]string{
		{miltertest.OptNeg, "MACRO MAIL {auth_authen}=alice", "MAIL <>", "HEADER From: alice@fwd.test", "END", "QUIT"},
		{miltertest.OptNeg, "MACRO MAIL {auth_authen}=alice", "MAIL <a@b>", "HEADER From: ceo@b.test", "HEADER Sender: panic@x", "END", "ABORT", "END"},
		{miltertest.OptNeg, "MAIL <a@b>", "HEADER From: x", miltertest.OptNeg, "MACRO", "BODY x", "STRANGE", "CONNECT", "HEADER :"},
		{"OPTNEG 1 0 0"}, {"HEX 80000000 4d"}, {miltertest.OptNeg, "HEX 00000001 4c"},
	} {
		var all []byte
		for _, line := range lines {
			b, err := miltertest.Packet(line)
			if err != nil {
				f.Fatal(err)
			}
			all = append(all, b...)
		}
		f.Add(all)
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		guard := fromguard.New(fromguard.Options{Senders: lookup.Func(senders)})
		h := &fromguard.Handler{Guard: func() *fromguard.Guard { return guard }, Timeouts: milter.Timeouts{Command: time.Second, Idle: time.Second}}
		ours, theirs := net.Pipe()
		done := make(chan struct{})
		go func() { defer close(done); h.ServeConn(context.Background(), ours) }()
		p := miltertest.NewPeer(t, theirs)
		theirs.SetWriteDeadline(time.Now().Add(10 * time.Second))
		theirs.Write(sent)
		theirs.Close()
		for reply := range p.Replies {
			switch name, _, _ := strings.Cut(reply, " "); name {
			case "accept", "continue", "tempfail", "optneg":
			case "reply":
				if strings.ContainsAny(reply, "\r\n\x00") || len(reply) > 420 {
					t.Fatalf("said %q", reply)
				}
			default:
				t.Fatalf("said %q", reply)
			}
		}
		<-done
	})
}
