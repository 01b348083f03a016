package tcptable_test

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
	"postern/internal/lookup"
	"postern/tcptable"
)

func newClient(t *testing.T, address string, o tcptable.ClientOptions) *tcptable.Client {
	c := tcptable.NewClient("tcp", address, o)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestClientOfServerIsTheMap is the law: for every outcome, the client of the
// server of a map says what the map says. The protocol has no permanent error
// and no timeout: these are plain errors on the other side.
func TestClientOfServerIsTheMap(t *testing.T) {
	c := newClient(t, dialog.Listen(t, "tcp", newHandler()), tcptable.ClientOptions{})
	keys := []string{"", " ", "nobody", "local@example.com", "temp@example.com", "perm@example.com",
		"timeout@example.com", "unsure@example.com", "panic@example.com", `""`, "*", "@", "\xff", "cr\r", "%41", strings.Repeat("k", 4091)}
	for key := range testValues {
		keys = append(keys, key)
	}
	for _, key := range keys {
		if key == "nul" || key == "latin1" || key == "long4092" {
			continue
		}
		t.Run(fmt.Sprintf("%.40q", key), func(t *testing.T) { sameAnswer(t, key, c) })
	}
}

func sameAnswer(t *testing.T, key string, c lookup.Map) {
	t.Helper()
	if key == "panic@example.com" {
		if _, _, err := c.Lookup(t.Context(), key); err == nil || !strings.Contains(err.Error(), "internal error") {
			t.Error(err)
		}
		return
	}
	value, found, err := testMap(t.Context(), key)
	if value == "" {
		found = false // an empty value is not found
	}
	gotValue, gotFound, gotErr := c.Lookup(t.Context(), key)
	if gotValue != value || gotFound != found {
		t.Errorf("got %.60q, %v; want %.60q, %v", gotValue, gotFound, value, found)
	}
	if (gotErr == nil) != (err == nil) || lookup.IsPermanent(gotErr) {
		t.Errorf("got error %v, want %v", gotErr, err)
	}
	if err != nil && !strings.Contains(gotErr.Error(), err.Error()) {
		t.Errorf("got error %q, which does not say %q", gotErr, err)
	}
}

func TestValuesThatCannotBeSent(t *testing.T) {
	c := newClient(t, dialog.Listen(t, "tcp", newHandler()), tcptable.ClientOptions{})
	for key, want := range map[string]string{"nul": "NUL", "latin1": "UTF-8", "long4092": "over the limit"} {
		if _, found, err := c.Lookup(t.Context(), key); found || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", key, found, err)
		}
	}
}

func TestClientRefusesALongKey(t *testing.T) {
	c := newClient(t, "127.0.0.1:1", tcptable.ClientOptions{})
	for _, key := range []string{strings.Repeat("k", 4092), strings.Repeat(" ", 1364)} {
		if _, found, err := c.Lookup(t.Context(), key); found || !lookup.IsPermanent(err) {
			t.Errorf("%v, %v", found, err)
		}
	}
	if _, _, err := c.Lookup(t.Context(), "key"); err == nil || lookup.IsPermanent(err) {
		t.Errorf("no server: %v", err)
	}
}

// fixed is a server that sends the same bytes whatever it is asked.
type fixed string

func (f fixed) ServeRequest(_ context.Context, r *bufio.Reader, w *bufio.Writer) error {
	if _, err := r.ReadString('\n'); err != nil {
		return err
	}
	_, err := w.WriteString(string(f))
	return err
}

func TestClientReadsReplies(t *testing.T) {
	for _, c := range []struct {
		reply, value string
		found, perm  bool
		err          string // what it says
	}{
		{reply: "200 v\n", value: "v", found: true},
		{reply: "200\tv\n", value: "v", found: true},
		{reply: "299  a b%20c%2f%2F \n", value: " a b c// ", found: true},
		{reply: "200 v\r\n", value: "v\r", found: true},
		{reply: "200 m\xc3\xbcller\n", value: "müller", found: true},
		{reply: "200 \n", perm: true, err: "200 without a value"},
		{reply: "500 \n"},
		{reply: "500 not found\n"},
		{reply: "500 No at sign%21\n", value: "No at sign!"},
		{reply: "400 busy\n", err: "400 busy"},
		{reply: "450 bu%0Asy\n", err: "450 bu?sy"},
		{reply: "200\n", err: "three digits"},
		{reply: "500\n", err: "three digits"},
		{reply: "20 v\n", err: "three digits"},
		{reply: "OK v\n", err: "three digits"},
		{reply: "300 v\n", err: "unknown code"},
		{reply: "200 50%\n", err: "hexadecimal"},
		{reply: "500 50%!\n", err: "hexadecimal"},
		{reply: "400 %zz\n", err: "hexadecimal"},
		{reply: "200 " + strings.Repeat("v", 4091) + "\n", value: strings.Repeat("v", 4091), found: true},
		{reply: "200 " + strings.Repeat("v", 4092) + "\n", err: "longer than 4096"},
	} {
		t.Run(fmt.Sprintf("%.30q", c.reply), func(t *testing.T) {
			client := newClient(t, dialog.Listen(t, "tcp", fixed(c.reply)), tcptable.ClientOptions{})
			value, found, err := client.Lookup(t.Context(), "key")
			if value != c.value || found != c.found || lookup.IsPermanent(err) != c.perm {
				t.Errorf("got %.60q, %v, %v", value, found, err)
			}
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("got error %v, want %q", err, c.err)
			}
		})
	}
}

// TestClientAndRestart: a server that comes back is not noticed; one that does
// not is an error at once.
func TestClientAndRestart(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stop := dialog.Serve(ln, newHandler())
	c := newClient(t, ln.Addr().String(), tcptable.ClientOptions{})
	sameAnswer(t, "user@example.com", c)
	stop()
	if _, _, err := c.Lookup(t.Context(), "user@example.com"); err == nil {
		t.Error("server gone, but an answer")
	}
	if ln, err = net.Listen("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	defer dialog.Serve(ln, newHandler())()
	sameAnswer(t, "user@example.com", c)
}

func TestClientTimeouts(t *testing.T) {
	hang := lookup.Func(func(ctx context.Context, _ string) (string, bool, error) {
		<-ctx.Done()
		return "", false, ctx.Err()
	})
	address := dialog.Listen(t, "tcp", &tcptable.Handler{Map: hang})
	c := newClient(t, address, tcptable.ClientOptions{Timeout: 20 * time.Millisecond})
	if _, _, err := c.Lookup(t.Context(), "key"); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	c = newClient(t, address, tcptable.ClientOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, _, err := c.Lookup(ctx, "key"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestClientInParallel(t *testing.T) {
	echo := lookup.Func(func(_ context.Context, key string) (string, bool, error) { return key, true, nil })
	address := dialog.Listen(t, "tcp", &tcptable.Handler{Map: echo})
	c := newClient(t, address, tcptable.ClientOptions{Connections: 3})
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			for j := range 50 {
				key := fmt.Sprint(i, " ", j)
				if value, _, err := c.Lookup(t.Context(), key); value != key || err != nil {
					t.Errorf("asked %q, got %q, %v", key, value, err)
				}
			}
		})
	}
	all.Wait()
}

// TestServerThatEndsEachConnection: the answer is there although the
// connection is not.
func TestServerThatEndsEachConnection(t *testing.T) {
	c := newClient(t, dialog.Listen(t, "tcp", once{newHandler()}), tcptable.ClientOptions{})
	for range 5 {
		sameAnswer(t, "user@example.com", c)
	}
}

type once struct{ *tcptable.Handler }

func (h once) ServeRequest(ctx context.Context, r *bufio.Reader, w *bufio.Writer) error {
	return errors.Join(h.Handler.ServeRequest(ctx, r, w), io.EOF)
}
