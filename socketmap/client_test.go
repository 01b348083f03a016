package socketmap_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/dialog"
	"postern/internal/lookup"
	"postern/internal/redial"
	"postern/socketmap"
)

func newClient(t *testing.T, network, address, name string, o socketmap.ClientOptions) *socketmap.Client {
	c := socketmap.NewClient(network, address, name, o)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestClientOfServerIsTheMap is the law: for every outcome, the client of the
// server of a map says what the map says.
func TestClientOfServerIsTheMap(t *testing.T) {
	for _, network := range []string{"unix", "tcp"} {
		c := newClient(t, network, dialog.Listen(t, network, newHandler()), "aliases", socketmap.ClientOptions{})
		keys := []string{"", " ", "nobody", "local@example.com", "temp@example.com", "perm@example.com",
			"timeout@example.com", "unsure@example.com", "<>", `""`, "*", "@", "\xff", strings.Repeat("n", 9999)}
		for key := range testValues {
			keys = append(keys, key)
		}
		for _, key := range keys {
			if unsendable(key) {
				continue
			}
			t.Run(fmt.Sprintf("%s %.40q", network, key), func(t *testing.T) { sameAnswer(t, key, c) })
		}
	}
}

// unsendable are the values that the protocol cannot carry; see
// TestValuesThatCannotBeSent.
func unsendable(key string) bool {
	return key == "nul" || key == "latin1" || key == "empty" || key == "long99998"
}

func sameAnswer(t *testing.T, key string, c lookup.Map) {
	t.Helper()
	value, found, err := testMap(t.Context(), key)
	gotValue, gotFound, gotErr := c.Lookup(t.Context(), key)
	if gotValue != value || gotFound != found {
		t.Errorf("got %.60q, %v; want %.60q, %v", gotValue, gotFound, value, found)
	}
	if (gotErr == nil) != (err == nil) || lookup.IsPermanent(gotErr) != lookup.IsPermanent(err) ||
		errors.Is(gotErr, context.DeadlineExceeded) != errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got error %v, want %v", gotErr, err)
	}
	if err != nil && !strings.Contains(gotErr.Error(), err.Error()) {
		t.Errorf("got error %q, which does not say %q", gotErr, err)
	}
}

func TestValuesThatCannotBeSent(t *testing.T) {
	c := newClient(t, "unix", dialog.Listen(t, "unix", newHandler()), "aliases", socketmap.ClientOptions{})
	for key, permanent := range map[string]bool{"nul": true, "latin1": true, "long99998": false, "panic@example.com": false} {
		_, found, err := c.Lookup(t.Context(), key)
		if found || err == nil || lookup.IsPermanent(err) != permanent {
			t.Errorf("%s: %v, %v", key, found, err)
		}
	}
	if value, found, err := c.Lookup(t.Context(), "empty"); value != "" || found || err != nil {
		t.Errorf("empty: %q, %v, %v", value, found, err)
	}
}

// TestServersInARow: what passes two servers is what the map says.
func TestServersInARow(t *testing.T) {
	first := newClient(t, "unix", dialog.Listen(t, "unix", newHandler()), "aliases", socketmap.ClientOptions{})
	h := &socketmap.Handler{Maps: func() lookup.Set { return lookup.Set{"far": first} }}
	second := newClient(t, "tcp", dialog.Listen(t, "tcp", h), "far", socketmap.ClientOptions{})
	for _, key := range []string{"user@example.com", "nobody", "local@example.com", "temp@example.com", "perm@example.com", "timeout@example.com"} {
		t.Run(key, func(t *testing.T) { sameAnswer(t, key, second) })
	}
}

func TestClientRefusesWhatItCannotAsk(t *testing.T) {
	c := newClient(t, "unix", "/nonexistent", "", socketmap.ClientOptions{})
	for name, ask := range map[string]struct{ name, key string }{
		"no name":         {"", "key"},
		"space in a name": {"a b", "key"},
		"long key":        {"aliases", strings.Repeat("k", 10001)},
	} {
		t.Run(name, func(t *testing.T) {
			_, found, err := c.Named(ask.name).Lookup(t.Context(), ask.key)
			if found || !lookup.IsPermanent(err) {
				t.Errorf("%v, %v", found, err)
			}
		})
	}
	if _, _, err := c.Named("aliases").Lookup(t.Context(), "key"); err == nil || lookup.IsPermanent(err) {
		t.Errorf("no server: %v", err)
	}
}

// fixed is a server that sends the same bytes whatever it is asked.
type fixed string

func (f fixed) ServeRequest(_ context.Context, r *bufio.Reader, w *bufio.Writer) error {
	if _, err := r.ReadString(','); err != nil {
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
		{reply: "4:OK v,", value: "v", found: true},
		{reply: "6:OK  v ,", value: " v ", found: true},
		{reply: "3:OK ,", perm: true, err: "OK without a value"},
		{reply: "2:OK,", perm: true, err: "OK without a value"},
		{reply: "8:NOTFOUND,"},
		{reply: "9:NOTFOUND ,"},
		{reply: "12:NOTFOUND why,", value: "why"},
		{reply: "4:TEMP,", err: "TEMP"},
		{reply: "9:TEMP busy,", err: "TEMP busy"},
		{reply: "11:TEMP bu\nsy\a,", err: "TEMP bu?sy?"},
		{reply: "8:PERM bad,", perm: true, err: "PERM bad"},
		{reply: "12:TIMEOUT late,", err: "TIMEOUT late"},
		{reply: "4:ok v,", err: "unknown status"},
		{reply: "0:,", err: "unknown status"},
		{reply: "4:OK\tv,", err: "unknown status"},
		{reply: "04:OK v,", err: "leading zero"},
		{reply: "4:OK vx", err: "comma"},
		{reply: "100001:OK ", err: "over the limit of 100000"},
		{reply: "hello", err: "digit"},
	} {
		t.Run(c.reply, func(t *testing.T) {
			client := newClient(t, "tcp", dialog.Listen(t, "tcp", fixed(c.reply)), "m", socketmap.ClientOptions{})
			value, found, err := client.Lookup(t.Context(), "key")
			if value != c.value || found != c.found || lookup.IsPermanent(err) != c.perm {
				t.Errorf("got %q, %v, %v", value, found, err)
			}
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("got error %v, want %q", err, c.err)
			}
		})
	}
}

// TestClientAndTwoReplies: a server that replies twice must not put the client
// out of step.
func TestClientAndTwoReplies(t *testing.T) {
	h := twice{newHandler()}
	c := newClient(t, "unix", dialog.Listen(t, "unix", h), "aliases", socketmap.ClientOptions{})
	for range 50 {
		for _, key := range []string{"user@example.com", "<>", "nobody"} {
			sameAnswer(t, key, c)
		}
	}
}

// twice sends another reply after each.
type twice struct{ *socketmap.Handler }

func (h twice) ServeRequest(ctx context.Context, r *bufio.Reader, w *bufio.Writer) error {
	err := h.Handler.ServeRequest(ctx, r, w)
	if err == nil {
		_, _ = w.WriteString("20:OK wrong@example.net,")
	}
	return err
}

// TestClientAndRestart: a server that comes back is not noticed; one that does
// not is an error at once; one that breaks every connection is asked twice.
func TestClientAndRestart(t *testing.T) {
	path := t.TempDir() + "/s"
	start := func(h dialog.Handler) (stop func()) {
		ln, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		return dialog.Serve(ln, h)
	}
	c := newClient(t, "unix", path, "aliases", socketmap.ClientOptions{})
	stop := start(newHandler())
	sameAnswer(t, "user@example.com", c)
	stop()
	if _, _, err := c.Lookup(t.Context(), "user@example.com"); err == nil || lookup.IsPermanent(err) {
		t.Errorf("server gone: %v", err)
	}
	stop = start(newHandler())
	sameAnswer(t, "user@example.com", c)
	stop()
	asked := &breaking{}
	stop = start(asked)
	defer stop()
	c = newClient(t, "unix", path, "aliases", socketmap.ClientOptions{}) // the other may spend a try on its old connection
	if _, _, err := c.Lookup(t.Context(), "key"); !errors.Is(err, io.EOF) || asked.times.Load() != 2 {
		t.Errorf("breaking server asked %d times: %v", asked.times.Load(), err)
	}
}

type breaking struct{ times atomic.Int32 }

func (b *breaking) ServeRequest(_ context.Context, r *bufio.Reader, _ *bufio.Writer) error {
	_, _ = r.ReadString(',')
	b.times.Add(1)
	return io.EOF
}

func TestClientTimeouts(t *testing.T) {
	hang := lookup.Func(func(ctx context.Context, _ string) (string, bool, error) {
		<-ctx.Done()
		return "", false, ctx.Err()
	})
	h := &socketmap.Handler{Maps: func() lookup.Set { return lookup.Set{"m": hang} }}
	address := dialog.Listen(t, "unix", h)
	t.Run("of its own", func(t *testing.T) {
		c := newClient(t, "unix", address, "m", socketmap.ClientOptions{Timeout: 20 * time.Millisecond})
		if _, _, err := c.Lookup(t.Context(), "key"); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
	t.Run("of its caller", func(t *testing.T) {
		c := newClient(t, "unix", address, "m", socketmap.ClientOptions{})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, cancel)
		if _, _, err := c.Lookup(ctx, "key"); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	t.Run("while waiting for a connection", func(t *testing.T) {
		c := newClient(t, "unix", address, "m", socketmap.ClientOptions{Connections: 1, Timeout: 50 * time.Millisecond})
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if _, _, err := c.Lookup(t.Context(), "key"); !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
			})
		}
		all.Wait()
	})
}

// TestClientInParallel: many at once share few connections and each gets its
// own answer.
func TestClientInParallel(t *testing.T) {
	echo := lookup.Func(func(_ context.Context, key string) (string, bool, error) { return key, true, nil })
	h := &socketmap.Handler{Maps: func() lookup.Set { return lookup.Set{"echo": echo, "twin": echo} }}
	c := newClient(t, "unix", dialog.Listen(t, "unix", h), "echo", socketmap.ClientOptions{Connections: 3})
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			m := c
			if i%2 == 0 {
				m = c.Named("twin")
			}
			for j := range 50 {
				key := fmt.Sprint(i, "-", j)
				if value, _, err := m.Lookup(t.Context(), key); value != key || err != nil {
					t.Errorf("asked %q, got %q, %v", key, value, err)
				}
			}
		})
	}
	all.Wait()
}

func TestClientClosed(t *testing.T) {
	c := newClient(t, "unix", dialog.Listen(t, "unix", newHandler()), "aliases", socketmap.ClientOptions{})
	sameAnswer(t, "user@example.com", c)
	_ = c.Close()
	if _, _, err := c.Lookup(t.Context(), "user@example.com"); !errors.Is(err, redial.ErrClosed) {
		t.Error(err)
	}
}
