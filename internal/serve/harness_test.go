package serve_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"postern/internal/logtest"
	"postern/internal/serve"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// service is a running Server with what can be seen of it from outside.
type service struct {
	t    *testing.T
	ln   net.Listener
	stop context.CancelFunc
	done chan error // what Serve returned
	reg  *prometheus.Registry
	log  *endLog
}

// start serves ln; the end of the test stops it if the test did not.
func start(t *testing.T, ln net.Listener, s *serve.Server) *service {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	v := &service{t: t, ln: ln, stop: stop, done: make(chan error, 1), reg: prometheus.NewRegistry(), log: &endLog{ended: make(chan struct{}, 100)}}
	s.Daemon = "test"
	s.Metrics = serve.NewMetrics(v.reg)
	s.Log = slog.New(slog.NewTextHandler(v.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	go func() {
		v.done <- s.Serve(ctx, ln)
		close(v.done)
	}()
	t.Cleanup(func() {
		stop()
		for range v.done {
		}
	})
	return v
}

// stopped stops the service and returns what Serve returned.
func (v *service) stopped() error {
	v.stop()
	return <-v.done
}

// metric is the value of a series such as `connections_total{end="idle"}`.
func (v *service) metric(name, end string) float64 {
	v.t.Helper()
	families, err := v.reg.Gather()
	if err != nil {
		v.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if (end == "" && l.GetName() == "daemon") || (l.GetName() == "end" && l.GetValue() == end) {
					return m.GetGauge().GetValue() + m.GetCounter().GetValue()
				}
			}
		}
	}
	v.t.Fatalf("no metric %s with end %q", name, end)
	return 0
}

// wantEnd checks that n connections ended for the reason given.
func (v *service) wantEnd(end string, n int) {
	v.t.Helper()
	if got := v.metric("connections_total", end); got != float64(n) {
		v.t.Errorf("connections_total{end=%q} is %v, want %d\n%s", end, got, n, v.log)
	}
}

// endLog is a log that tells of every end of a connection.
type endLog struct {
	logtest.Log
	ended chan struct{} // one element for each
}

func (l *endLog) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("connection ended")) {
		defer func() {
			select {
			case l.ended <- struct{}{}:
			default:
			}
		}()
	}
	return l.Log.Write(p)
}

// pipes is a listener whose connections are pipes, for tests in a bubble.
type pipes struct {
	conns  chan net.Conn
	errs   chan error
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes {
	return &pipes{conns: make(chan net.Conn), errs: make(chan error), closed: make(chan struct{})}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case err := <-p.errs:
		return nil, err
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr {
	return &net.UnixAddr{Name: "/run/pipes", Net: "unix"}
}

// dial connects a client.
func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.conns <- server
	return client
}

// sockets runs a test over TCP and over a unix socket.
func sockets(t *testing.T, test func(t *testing.T, ln net.Listener)) {
	t.Run("tcp", func(t *testing.T) { test(t, listen(t, "tcp")) })
	t.Run("unix", func(t *testing.T) { test(t, listen(t, "unix")) })
}

func listen(t *testing.T, network string) net.Listener {
	t.Helper()
	at := "127.0.0.1:0"
	if network == "unix" {
		at = filepath.Join(t.TempDir(), "s")
	}
	ln, err := net.Listen(network, at)
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// dial connects to ln; the connection is closed with the test.
func dial(t *testing.T, ln net.Listener) net.Conn {
	t.Helper()
	c, err := net.Dial(ln.Addr().Network(), ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// send writes text, which must be taken.
func send(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatalf("send %q: %v", text, err)
	}
}

// want reads exactly text.
func want(t *testing.T, c net.Conn, text string) {
	t.Helper()
	got := make([]byte, len(text))
	if n, err := io.ReadFull(c, got); err != nil || string(got) != text {
		t.Fatalf("received %q, %v; want %q", got[:n], err, text)
	}
}

// wantClosed waits for the other side to close with nothing more to say.
func wantClosed(t *testing.T, c net.Conn) {
	t.Helper()
	if b, err := io.ReadAll(c); err != nil || len(b) > 0 {
		t.Fatalf("received %q, %v; want a clean end", b, err)
	}
}

// errMalformed is what the shout handler says to a request it cannot read.
var errMalformed = errors.New("malformed request: no letters")

// shout answers a line in capitals, "bye" by leaving, "bad" with a last reply
// and an error, "panic" by panicking in the middle of a reply.
func shout(_ context.Context, r *bufio.Reader, w *bufio.Writer) error {
	line, err := r.ReadString('\n')
	if err != nil {
		return err
	}
	switch line {
	case "bye\n":
		return io.EOF
	case "bad\n":
		w.WriteString("PERM\n")
		return errMalformed
	case "panic\n":
		w.WriteString("OK half of a re")
		panic("the handler broke")
	}
	_, err = w.WriteString(strings.ToUpper(line))
	return err
}
