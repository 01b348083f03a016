package milter_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gomilter "github.com/emersion/go-milter"

	"postern/internal/milter"
	"postern/internal/milter/miltertest"
)

func TestMain(m *testing.M) { miltertest.Main(m) }

// scribe is a Session that notes what it is asked. Arguments that begin with
// "no" are answered in Take.
type scribe struct {
	gomilter.NoOpMilter
	conn  *milter.Conn
	notes *[]string
}

func (s *scribe) note(format string, args ...any) {
	*s.notes = append(*s.notes, fmt.Sprintf(format, args...))
}

func (s *scribe) Take(code gomilter.Code, argument []byte, whole bool) ([]byte, gomilter.ActionCode) {
	s.note("%c %q %v", code, argument, whole)
	if bytes.HasPrefix(argument, []byte("no")) || !whole {
		return nil, gomilter.ActReject
	}
	return argument, 0
}

func (s *scribe) OutOfOrder(command string) { s.note("out of order: %s", command) }

func (s *scribe) MailFrom(from string, m *gomilter.Modifier) (gomilter.Response, error) {
	s.conn.Busy(true)
	return s.conn.Step("MAIL", m, func() { s.note("trouble") }, func(ctx context.Context, _ *slog.Logger) gomilter.Response {
		switch from {
		case "panic":
			panic("at the disco")
		case "hang":
			<-ctx.Done()
			return gomilter.RespTempFail
		}
		s.note("mail %s", from)
		return gomilter.RespContinue
	})
}

func (s *scribe) Body(*gomilter.Modifier) (gomilter.Response, error) {
	s.conn.Busy(false)
	return milter.Refusal("550 5.7.1 100% no"), nil
}

// talk serves a scribe and returns the MTA's end, and what was noted.
func talk(t *testing.T, ctx context.Context, o milter.Options) (p *miltertest.Peer, notes *[]string, done chan struct{}) {
	ours, theirs := net.Pipe()
	notes, done = new([]string), make(chan struct{})
	o.Malformed = func() { *notes = append(*notes, "malformed") }
	o.Arguments = map[gomilter.Code]int{gomilter.CodeMail: 30}
	go func() {
		defer close(done)
		milter.Serve(ctx, ours, o, func(c *milter.Conn) milter.Session { return &scribe{conn: c, notes: notes} })
	}()
	t.Cleanup(func() { theirs.Close(); <-done })
	return miltertest.NewPeer(t, theirs), notes, done
}

func TestServe(t *testing.T) {
	const agreed = "optneg 00000002" + "00000000" + "00000010"
	long := strings.Repeat("x", 31)
	for _, test := range []struct{ name, dialogue, notes string }{
		{"a message", "> MAIL a|< continue|> BODY text|< continue|> END|< reply 550 5.7.1 100%% no|> QUIT|< (closed)", `M "a\x00" true|mail a`},
		{"answered before go-milter", "> MAIL no|< reject|> MAIL " + long + "|< reject|> QUIT|< (closed)", `M "no\x00" true|M "" false`},
		{"a panic", "> MAIL panic|< tempfail|> MAIL b|< continue|> QUIT|< (closed)", `M "panic\x00" true|trouble|M "b\x00" true|mail b`},
		{"what nobody knows", "> STRANGE x|< continue|> HEADER From: x|< continue|> EOH|< continue|> QUIT|< (closed)", ""},
		{"a second negotiation", "> " + miltertest.OptNeg + "|< tempfail|> QUIT|< (closed)", "out of order: option negotiation"},
		{"a packet without a code", "> HEX 00000000|< (closed)", "malformed"},
		{"a packet of 2 GiB", "> HEX 80000000 4d|< (closed)", "malformed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, notes, done := talk(t, t.Context(), milter.Options{Unwanted: gomilter.OptNoBody})
			p.Send(miltertest.OptNeg)
			p.Want(agreed)
			for _, line := range strings.Split(test.dialogue, "|") {
				if said, ours := strings.CutPrefix(line, "> "); ours {
					p.Send(said)
				} else {
					p.Want(strings.TrimPrefix(line, "< "))
				}
			}
			<-done
			if got := strings.Join(*notes, "|"); got != test.notes {
				t.Errorf("noted %s, want %s", got, test.notes)
			}
		})
	}
}

func TestNegotiation(t *testing.T) {
	for _, test := range []struct{ offer, want string }{
		{"OPTNEG 6 0x40 0", "optneg 00000002" + "00000040" + "00000000"},
		{"OPTNEG 2 0x7f 0", "optneg 00000002" + "00000040" + "00000000"},
		{"OPTNEG 6 0x3f 0", "tempfail"},
		{"OPTNEG 1 0x7f 0", "tempfail"},
		{"OPTNEG 6", "(closed)"},
		{"MAIL a", "(closed)"},
	} {
		t.Run(test.offer, func(t *testing.T) {
			p, _, _ := talk(t, t.Context(), milter.Options{Actions: gomilter.OptChangeFrom})
			p.Send(test.offer)
			p.Want(test.want)
			if !strings.HasPrefix(test.want, "optneg") && test.want != "(closed)" {
				p.Want("(closed)")
			}
		})
	}
}

func TestTime(t *testing.T) {
	for _, test := range []struct {
		name  string
		lines []string
		stop  bool
		want  time.Duration
	}{
		{"silence before a word", nil, false, time.Second},
		{"silence between messages", []string{miltertest.OptNeg}, false, time.Minute},
		{"half a packet", []string{miltertest.OptNeg, "HEX 000000"}, false, time.Second},
		{"a stop between messages", []string{miltertest.OptNeg}, true, 3 * time.Second},
		{"a stop within one", []string{miltertest.OptNeg, "MAIL a"}, true, time.Minute},
		{"a look-up that hangs", []string{miltertest.OptNeg, "MAIL hang"}, false, time.Minute + 5*time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				limits := milter.Timeouts{Idle: time.Minute, Command: time.Second, Answer: 5 * time.Second, LameDuck: 3 * time.Second}
				p, _, done := talk(t, ctx, milter.Options{Timeouts: limits})
				began := time.Now()
				p.Send(test.lines...)
				synctest.Wait()
				if test.stop {
					stop()
				}
				<-done
				if took := time.Since(began); took != test.want {
					t.Errorf("ended after %v, want %v", took, test.want)
				}
				p.Conn.Close()
			})
		})
	}
}

func TestReply(t *testing.T) {
	for _, test := range []struct {
		text, want string
		ok         bool
	}{
		{"550 5.7.1 no", "550 5.7.1 no", true},
		{"451 x", "451 x", true},
		{"550 5.7.1 J\xf6rg\r\n", "550 5.7.1 J?rg??", true},
		{"550 " + strings.Repeat("x", 600), "550 " + strings.Repeat("x", 396), true},
		{"250 2.0.0 yes", "550 5.7.1 Command rejected", false},
		{"550 4.7.1 which", "550 5.7.1 Command rejected", false},
		{"550-no", "550 5.7.1 Command rejected", false},
		{"", "550 5.7.1 Command rejected", false},
	} {
		if got, err := milter.Reply(test.text); got != test.want || (err == nil) != test.ok {
			t.Errorf("%q: %q, %v", test.text, got, err)
		}
	}
}

func TestInternal(t *testing.T) {
	for shown, want := range map[string]string{
		"": "", "<>": "", "<a@b>": "a@b", " a@b ": "a@b", "<@r,@s:a@b>": "a@b", `<"a b"@c>`: "a b@c", `<"a\"b"@c>`: `a"b@c`,
		"<a@b": "!", "a(c)@b": "!", "<a@b>>": "!", `"a@b`: "!", "a\x00@b": "!", "a,b@c": "!",
	} {
		got, ok := milter.Internal(shown)
		if !ok {
			got = "!"
		}
		if got != want {
			t.Errorf("%q: %q, want %q", shown, got, want)
		}
	}
}
