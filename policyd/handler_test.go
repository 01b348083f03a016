package policyd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"postern/internal/dialog"
	"postern/internal/serve"
)

// script is a check with every outcome, by the local part of the recipient.
type script struct{}

func (script) Check(_ context.Context, q *Request) (Verdict, error) {
	local, _, _ := strings.Cut(q.Recipient, "@")
	v := Verdict{Rule: "script", Reason: "asked for " + local}
	switch local {
	case "refuse":
		v.Action = Refuse(554, "5.7.1", "go away")
	case "defer":
		v.Action = Refuse(450, "4.7.1", "come again")
	case "greylist":
		v.Action = DeferIfPermit("greylisted")
	case "hold":
		v.Action = Hold("look at it")
	case "discard":
		v.Action = Discard("")
	case "prepend":
		v.Action = Prepend("X-Policy: seen")
	case "noisy":
		v.Action = Refuse(554, "5.7.1", "two\r\nlines ü"+strings.Repeat("x", 5000))
	case "shadow":
		v.Shadow = []Verdict{{Action: Refuse(554, "5.7.1", "go away"), Rule: "quiet"}}
	case "trouble":
		return v, errors.New("database: gone away")
	case "panic":
		panic("a bug")
	default:
		return Verdict{}, nil
	}
	return v, nil
}

// newHandler is a handler of the script with fixed ids.
func newHandler() *Handler {
	policy := &Policy{Default: []Link{{Name: "script", Check: script{}, Mode: Enforce}}}
	return &Handler{Policy: func() *Policy { return policy }, NewID: func() string { return "ABCDEFGH" }}
}

// listen serves h as the daemon does, until the test is over.
func listen(t *testing.T, network string, h *Handler, limits serve.Limits) (address string) {
	t.Helper()
	address = "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "s")
	}
	ln, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	server := &serve.Server{Daemon: "policyd", Handler: h, Limits: limits}
	go func() { done <- server.Serve(ctx, ln) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return ln.Addr().String()
}

// ask is a request for a recipient.
func ask(recipient string) string {
	return wire("protocol_state=RCPT", "recipient="+recipient+"@example.com")
}

func TestDialogues(t *testing.T) {
	h := newHandler()
	tcp, unix := listen(t, "tcp", h, serve.Limits{}), listen(t, "unix", h, serve.Limits{})
	for _, c := range dialog.Load(t, "testdata/dialogues.txt") {
		t.Run(c.Title, func(t *testing.T) {
			t.Run("bytes", func(t *testing.T) { dialog.Bytes(t, c, h, nil) })
			t.Run("one byte at a time", func(t *testing.T) { dialog.Bytes(t, c, h, iotest.OneByteReader) })
			t.Run("halves", func(t *testing.T) { dialog.Bytes(t, c, h, iotest.HalfReader) })
			t.Run("data with the end", func(t *testing.T) { dialog.Bytes(t, c, h, iotest.DataErrReader) })
			t.Run("tcp", func(t *testing.T) { dialog.Socket(t, c, "tcp", tcp) })
			t.Run("unix", func(t *testing.T) { dialog.Socket(t, c, "unix", unix) })
		})
	}
}

// TestReplies: the frame of a reply does not depend on the writer's buffer.
func TestReplies(t *testing.T) {
	for _, a := range []Action{{}, Hold(""), Hold("x"), Refuse(450, "4.7.1", strings.Repeat("long ", 60)), Prepend("X-A: " + strings.Repeat("b", 800))} {
		for _, size := range []int{16, 64, 4096} {
			var out bytes.Buffer
			w := bufio.NewWriterSize(&out, size)
			_, _ = w.WriteString("before")
			if err := errors.Join(writeReply(w, a), w.Flush()); err != nil {
				t.Error(err)
			}
			if want := "beforeaction=" + a.String() + "\n\n"; out.String() != want {
				t.Errorf("buffer of %d: %q, want %q", size, out.String(), want)
			}
		}
	}
	broken := errors.New("broken pipe")
	w := bufio.NewWriterSize(failing{broken}, 16)
	if err := writeReply(w, Hold(strings.Repeat("x", 100))); !errors.Is(err, broken) {
		t.Errorf("a writer in trouble: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// TestErrors: what ends a connection says why, and leaves no byte of a reply.
func TestErrors(t *testing.T) {
	for in, c := range map[string]struct {
		is   error
		says string
	}{
		ask("trouble"):   {nil, "policy: no reply, so Postfix takes its default_action: check script: database: gone away"},
		ask("panic"):     {nil, "check script: internal error: a bug"},
		"hello\n":        {ErrMalformed, `line 1: name=value is expected, not "hello"`},
		"request=x\n\n":  {ErrMalformed, "only smtpd_access_policy"},
		"request=smtpd_": {io.ErrUnexpectedEOF, ""},
		"":               {io.EOF, ""},
	} {
		out, err := dialog.Run(newHandler(), strings.NewReader(in))
		if out != "" || err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%.40q: replied %q, %v; want %v, %q", in, out, err, c.is, c.says)
		}
	}
}

// TestCounts: each request is answered, without a reply, or malformed.
func TestCounts(t *testing.T) {
	reg := prometheus.NewRegistry()
	h := newHandler()
	h.Metrics = NewMetrics(reg)
	for _, in := range []string{ask("user") + ask("refuse") + "malformed\n", ask("trouble"), ask("user") + "request=", "\n"} {
		_, _ = dialog.Run(h, strings.NewReader(in))
	}
	want := `# HELP policy_requests_total Policy requests by what became of them.
# TYPE policy_requests_total counter
policy_requests_total{result="answered"} 3
policy_requests_total{result="malformed"} 2
policy_requests_total{result="no_reply"} 1
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "policy_requests_total"); err != nil {
		t.Error(err)
	}
}

// TestLog: what was decided has a line, found by the id in the reply; what
// clients say of themselves is bounded and escaped.
func TestLog(t *testing.T) {
	var log bytes.Buffer
	h := newHandler()
	h.NewID = nil
	h.Log = slog.New(slog.NewTextHandler(&log, nil))
	helo := "evil\x1b" + strings.Repeat("h", 1000)
	in := wire("recipient=refuse@example.com", "helo_name="+helo) + ask("user") + ask("shadow")
	out, err := dialog.Run(h, strings.NewReader(in))
	if err != io.EOF {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	_, id, _ := strings.Cut(out, "(id ")
	if len(lines) != 2 || len(id) < 8 || !strings.Contains(lines[0], "id="+id[:8]) || !strings.Contains(lines[1], "mode=shadow") {
		t.Fatalf("replied %q, logged %q", out, lines)
	}
	if !strings.Contains(lines[0], `helo="evil\x1bhhh`) || len(lines[0]) > 1000 {
		t.Errorf("logged %q", lines[0])
	}
	for _, want := range []string{"action=reject", "check=script", "rule=script", `reason="asked for refuse"`, "recipient=refuse@example.com"} {
		if !strings.Contains(lines[0], want) {
			t.Errorf("no %s in %q", want, lines[0])
		}
	}
}

// routine is a check that puts a header before every message.
type routine struct{}

func (routine) Check(context.Context, *Request) (Verdict, error) {
	return Verdict{Action: Prepend("Received-SPF: pass"), Routine: true}, nil
}

// TestLogRoutine: what most mail gets fills no journal, in shadow either.
func TestLogRoutine(t *testing.T) {
	for _, mode := range []Mode{Enforce, Shadow} {
		var log bytes.Buffer
		h := newHandler()
		h.Policy = func() *Policy { return &Policy{Default: []Link{{Name: "spf", Check: routine{}, Mode: mode}}} }
		for level, want := range map[slog.Level]int{slog.LevelInfo: 0, slog.LevelDebug: 1} {
			log.Reset()
			h.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: level}))
			_, _ = dialog.Run(h, strings.NewReader(ask("user")))
			if n := strings.Count(log.String(), "mode="+string(mode)); n != want {
				t.Errorf("%s at level %v: %d lines, want %d", mode, level, n, want)
			}
		}
	}
}

// taps collects what a tap sees.
type taps []string

func (s *taps) Tap(q *Request, d Decision) {
	*s = append(*s, fmt.Sprint(q.Listener, " ", q.Recipient, " ", d.Action.Name(), " ", d.ID))
}

func TestTap(t *testing.T) {
	var seen taps
	h := newHandler()
	h.Tap, h.Listener = &seen, "inet:x"
	_, _ = dialog.Run(h, strings.NewReader(ask("user")+ask("hold")+ask("shadow")+ask("trouble")))
	want := "[inet:x user@example.com dunno  inet:x hold@example.com hold ABCDEFGH inet:x shadow@example.com dunno ABCDEFGH]"
	if got := fmt.Sprint(seen); got != want {
		t.Errorf("saw %s, want %s", got, want)
	}
}

// TestManyRequests: thousands over one connection, each answered before the
// next is asked, then all at once.
func TestManyRequests(t *testing.T) {
	conn, err := net.Dial("unix", listen(t, "unix", newHandler(), serve.Limits{}))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	r := bufio.NewReader(conn)
	expect := func(want string) {
		t.Helper()
		got, err := r.ReadString('\n')
		if end, _ := r.ReadString('\n'); got != want || end != "\n" {
			t.Fatalf("got %q, %q, %v; want %q", got, end, err, want)
		}
	}
	questions := []struct{ recipient, reply string }{
		{"user", "action=DUNNO\n"}, {"hold", "action=HOLD look at it (id ABCDEFGH)\n"},
	}
	const n = 2500
	for i := range 2 * n {
		if _, err := io.WriteString(conn, ask(questions[i%2].recipient)); err != nil {
			t.Fatal(err)
		}
		expect(questions[i%2].reply)
	}
	go func() { _, _ = io.WriteString(conn, strings.Repeat(ask("user")+ask("hold"), n)) }()
	for i := range 2 * n {
		expect(questions[i%2].reply)
	}
}

// gate is a check that lets a request pass when it is told to.
type gate struct{ entered, leave chan struct{} }

func (g gate) Check(_ context.Context, q *Request) (Verdict, error) {
	if strings.HasPrefix(q.Recipient, "slow") {
		g.entered <- struct{}{}
		<-g.leave
	}
	return Verdict{}, nil
}

// TestTwoAtOnce: a slow answer holds up nobody else.
func TestTwoAtOnce(t *testing.T) {
	g := gate{make(chan struct{}), make(chan struct{})}
	address := listen(t, "tcp", &Handler{Policy: func() *Policy { return &Policy{Default: []Link{{Check: g}}} }}, serve.Limits{})
	c := clientOf(t, "tcp", address, ClientOptions{})
	var slow sync.WaitGroup
	slow.Go(func() {
		if action, err := c.Ask(t.Context(), []Attribute{{"recipient", "slow"}}); action != "DUNNO" || err != nil {
			t.Errorf("slow: %q, %v", action, err)
		}
	})
	<-g.entered
	if action, err := c.Ask(t.Context(), []Attribute{{"recipient", "user"}}); action != "DUNNO" || err != nil {
		t.Errorf("beside it: %q, %v", action, err)
	}
	close(g.leave)
	slow.Wait()
}

// TestHalfARequest: who sends half a request and waits is hung up on, without
// a reply, and so is who hangs up.
func TestHalfARequest(t *testing.T) {
	address := listen(t, "tcp", newHandler(), serve.Limits{FirstRequest: 20 * time.Millisecond, Request: 20 * time.Millisecond})
	for _, before := range []string{"", ask("user")} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.WriteString(conn, before+"request=smtpd_access_policy\nrecipient=ref")
		got, err := io.ReadAll(conn)
		want := strings.Repeat("action=DUNNO\n\n", min(len(before), 1))
		if err != nil || string(got) != want {
			t.Errorf("got %q, %v; want %q and the end", got, err, want)
		}
		_ = conn.Close()
	}
}
