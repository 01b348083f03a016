package policyd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/dialog"
)

func clientOf(t *testing.T, network, address string, o ClientOptions) *Client {
	c := NewClient(network, address, o)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// fixed is a server that sends the same bytes whatever it is asked, and then
// hangs up if they do not end in an empty line.
type fixed string

func (f fixed) ServeRequest(_ context.Context, r *bufio.Reader, w *bufio.Writer) error {
	if err := new(Request).read(r, Limits{}); err != nil {
		return err
	}
	_, err := w.WriteString(string(f))
	if !strings.HasSuffix(string(f), "\n\n") {
		err = io.EOF
	}
	return err
}

// TestClientReadsReplies: what attr_scan of Postfix makes of a reply, but for
// an empty action and for a reply in CR LF.
func TestClientReadsReplies(t *testing.T) {
	for _, c := range []struct{ reply, action, err string }{
		{reply: "action=DUNNO\n\n", action: "DUNNO"},
		{reply: "action=450 4.7.1 a = b\n\n", action: "450 4.7.1 a = b"},
		{reply: "action= DUNNO \n\n", action: " DUNNO "},
		{reply: "action=m\xc3\xbcller\xff\n\n", action: "müller\xff"},
		{reply: "text=x\naction=DUNNO\n\n", action: "DUNNO"},
		{reply: "action=DUNNO\naction=REJECT\nx=y\nnonsense\n=\n\n", action: "DUNNO"},
		{reply: "nonsense\n=x\naction=DUNNO\n\n", action: "DUNNO"},
		{reply: "action=DUNNO\r\n\n", action: "DUNNO\r"},
		{reply: "Action=DUNNO\n\n", err: "no action in it"},
		{reply: "\n\n", err: "no action in it"},
		{reply: "x=y\n\n", err: "no action in it"},
		{reply: "action\n\n", err: "action without ="},
		{reply: "action=\n\n", err: "an empty action"},
		{reply: "action=a\x00b\n\n", err: "contains a NUL"},
		{reply: "action=DUNNO\r\n\r\n\n\n", err: "end with CR LF"},
		{reply: "action=" + strings.Repeat("x", 16<<10) + "\n\n", err: "longer than 16384 bytes"},
		{reply: strings.Repeat("x=y\n", 5000) + "\n\n", err: "longer than 16384 bytes"},
		{reply: "action=" + strings.Repeat("x", 16<<10-9) + "\n\n", action: strings.Repeat("x", 16<<10-9)},
		{reply: "", err: "no reply, so Postfix would take the default_action"},
		{reply: "action=DUNNO\n", err: "no reply, so Postfix"},
		{reply: "action=DUN", err: "no reply, so Postfix"},
	} {
		t.Run(fmt.Sprintf("%.30q", c.reply), func(t *testing.T) {
			client := clientOf(t, "tcp", dialog.Listen(t, "tcp", fixed(c.reply)), ClientOptions{})
			action, err := client.Ask(t.Context(), []Attribute{{"sender", "a"}})
			if action != c.action || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("got %.60q, %v; want %q", action, err, c.err)
			}
		})
	}
}

// TestClientSends: the request arrives as it was, with its type.
func TestClientSends(t *testing.T) {
	h := &Handler{Policy: func() *Policy { return &Policy{Default: []Link{{Name: "echo", Check: echo{}}}} }}
	c := clientOf(t, "unix", dialog.Listen(t, "unix", h), ClientOptions{})
	for _, attributes := range [][]Attribute{
		{{"sender", "a = b"}, {"future", ""}},
		{{"request", requestType}, {"sender", "a"}},
		{{"sender", strings.Repeat("s", 16000)}},
	} {
		action, err := c.Ask(t.Context(), attributes)
		want := Prepend(string(appendRequest(nil, attributes))).String()
		if err != nil || action != want {
			t.Errorf("got %.200q, %v; want %.200q", action, err, want)
		}
	}
}

// echo says what it was asked.
type echo struct{}

func (echo) Check(_ context.Context, q *Request) (Verdict, error) {
	return Verdict{Action: Prepend(q.Text())}, nil
}

func TestClientRefuses(t *testing.T) {
	c := clientOf(t, "tcp", "127.0.0.1:1", ClientOptions{})
	for says, attributes := range map[string][]Attribute{
		"attribute name \"\"":     {{"", "a"}},
		"attribute name \"a=\"":   {{"a=", "a"}},
		"attribute name \"a\\n\"": {{"a\n", "a"}},
		"neither LF nor NUL":      {{"sender", "a\nb"}},
		"its value \"\\x00\"":     {{"sender", "\x00"}},
		"over the limit":          {{"sender", strings.Repeat("s", 128<<10)}},
		"connection refused":      {{"sender", "a"}},
	} {
		if action, err := c.Ask(t.Context(), attributes); action != "" || err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %q, %v; want %q", action, err, says)
		}
	}
}

// TestClientAndRestart: a server that comes back is not noticed; one that does
// not is an error at once.
func TestClientAndRestart(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &Handler{Policy: func() *Policy { return new(Policy) }}
	stop := dialog.Serve(ln, h)
	c := clientOf(t, "tcp", ln.Addr().String(), ClientOptions{})
	ask := func() error {
		_, err := c.Ask(t.Context(), nil)
		return err
	}
	if err := ask(); err != nil {
		t.Error(err)
	}
	stop()
	if ask() == nil {
		t.Error("server gone, but an answer")
	}
	if ln, err = net.Listen("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	defer dialog.Serve(ln, h)()
	if err := ask(); err != nil {
		t.Error(err)
	}
}

func TestClientTimeouts(t *testing.T) {
	address := dialog.Listen(t, "tcp", &Handler{Policy: func() *Policy { return &Policy{Default: []Link{{Check: hangs{}}}} }})
	c := clientOf(t, "tcp", address, ClientOptions{Timeout: 20 * time.Millisecond})
	if _, err := c.Ask(t.Context(), nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	c = clientOf(t, "tcp", address, ClientOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := c.Ask(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

type hangs struct{}

func (hangs) Check(ctx context.Context, _ *Request) (Verdict, error) {
	<-ctx.Done()
	return Verdict{}, ctx.Err()
}

// TestClientInParallel: many questions over few connections, each with its own
// answer.
func TestClientInParallel(t *testing.T) {
	h := &Handler{Policy: func() *Policy { return &Policy{Default: []Link{{Name: "echo", Check: senderBack{}}}} }}
	c := clientOf(t, "tcp", dialog.Listen(t, "tcp", h), ClientOptions{Connections: 3})
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			for j := range 50 {
				sender := fmt.Sprintf("%d-%d", i, j)
				if action, err := c.Ask(t.Context(), []Attribute{{"sender", sender}}); action != "PREPEND "+sender || err != nil {
					t.Errorf("asked %q, got %q, %v", sender, action, err)
				}
			}
		})
	}
	all.Wait()
}

type senderBack struct{}

func (senderBack) Check(_ context.Context, q *Request) (Verdict, error) {
	return Verdict{Action: Prepend(strings.Clone(q.Sender))}, nil
}
