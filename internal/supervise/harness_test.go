package supervise_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/supervise"
)

// patience is the time after which a test has failed; no test is meant to
// last that long.
const patience = 60 * time.Second

// house is a Parent under test, in the test's own process.
type house struct {
	*testing.T
	parent *supervise.Parent
	log    *os.File
	lines  *watchedLog // of the parent, into log
	addr   string      // of the listener "main"
	stop   context.CancelFunc
	done   chan error

	mu   sync.Mutex
	next supervise.Load // what Load returns
	fail error
}

// newHouse prepares a Parent that serves s on one unix socket.
func newHouse(t *testing.T, s settings) *house {
	h := &house{T: t, done: make(chan error, 1), addr: filepath.Join(t.TempDir(), "main")}
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	h.log = log
	h.lines = &watchedLog{file: log, news: make(chan struct{})}
	h.next = supervise.Load{Settings: s, Listeners: []supervise.Listener{h.listen("main", "unix", h.addr)}}
	h.parent = &supervise.Parent{
		Command:  workerCommand(log),
		Load:     h.load,
		Log:      slog.New(slog.NewTextHandler(h.lines, nil)),
		LameDuck: time.Hour,
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(h.logged())
		}
		log.Close()
	})
	return h
}

func (h *house) logged() string {
	text, err := os.ReadFile(h.log.Name())
	if err != nil {
		h.Error(err)
	}
	return string(text)
}

// awaitLog returns when the parent has said text.
func (h *house) awaitLog(text string) {
	h.Helper()
	for {
		news := h.lines.next()
		if strings.Contains(h.logged(), text) {
			return
		}
		select {
		case <-news:
		case <-time.After(patience):
			h.Fatalf("never logged: %s", text)
		}
	}
}

// watchedLog is a log file that wakes who waits for a line.
type watchedLog struct {
	file *os.File
	mu   sync.Mutex
	news chan struct{} // closed at the next line
}

func (w *watchedLog) Write(line []byte) (int, error) {
	n, err := w.file.Write(line)
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.news)
	w.news = make(chan struct{})
	return n, err
}

func (w *watchedLog) next() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.news
}

func (h *house) listen(name, network, address string) supervise.Listener {
	h.Helper()
	ln, err := net.Listen(network, address)
	if err != nil {
		h.Fatal(err)
	}
	return supervise.Listener{Name: name, Listener: ln}
}

func (h *house) load(context.Context, []supervise.Listener) (supervise.Load, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.next, h.fail
}

// start runs the parent and waits until it is ready.
func (h *house) start() *house {
	h.Helper()
	ready := make(chan struct{})
	h.run(func() { close(ready) })
	select {
	case <-ready:
	case err := <-h.done:
		h.Fatalf("Run returned %v", err)
	case <-time.After(patience):
		h.Fatal("not ready")
	}
	return h
}

func (h *house) run(ready func()) {
	ctx, stop := context.WithCancel(context.Background())
	h.stop = stop
	go func() { h.done <- h.parent.Run(ctx, ready) }()
	h.Cleanup(func() { h.end() })
}

// end stops the parent, if nobody has, and returns what Run returned.
func (h *house) end() error {
	h.stop()
	select {
	case err := <-h.done:
		h.done <- err
		return err
	case <-time.After(patience):
		return errors.New("Run does not return")
	}
}

// reload loads s.
func (h *house) reload(s settings) error {
	h.mu.Lock()
	h.next.Settings = s
	h.mu.Unlock()
	return h.parent.Reload(h.Context())
}

func (h *house) mustReload(s settings) {
	h.Helper()
	if err := h.reload(s); err != nil {
		h.Fatalf("reload: %v", err)
	}
}

// client is one connection.
type client struct {
	net.Conn
	lines *bufio.Reader
}

func (h *house) dial() *client {
	h.Helper()
	c, err := dial("unix", h.addr)
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { c.Close() })
	return c
}

func dial(network, address string) (*client, error) {
	conn, err := net.DialTimeout(network, address, patience)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(patience))
	return &client{conn, bufio.NewReader(conn)}, nil
}

// ask sends a line and returns the answer to it.
func (c *client) ask(line string) (string, error) {
	if _, err := fmt.Fprintln(c, line); err != nil {
		return "", err
	}
	answer, err := c.lines.ReadString('\n')
	return strings.TrimSuffix(answer, "\n"), err
}

func (h *house) wantAnswer(c *client, line, want string) {
	h.Helper()
	got, err := c.ask(line)
	if err != nil || got != want {
		h.Errorf("%q was answered by %q, %v; want %q", line, got, err, want)
	}
}

// once asks one question on a connection of its own.
func (h *house) once(line string) string {
	h.Helper()
	c := h.dial()
	defer c.Close()
	answer, err := c.ask(line)
	if err != nil {
		h.Fatalf("%q: %v", line, err)
	}
	return answer
}

func (h *house) self(c *client) self {
	h.Helper()
	text, err := c.ask("self")
	if err != nil {
		h.Fatal(err)
	}
	var me self
	if err := json.Unmarshal([]byte(text), &me); err != nil {
		h.Fatalf("%s: %v", text, err)
	}
	return me
}
