package supervise_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postern/internal/supervise"
)

func TestFirstStart(t *testing.T) {
	h := newHouse(t, settings{Answer: "one"})
	if h.parent.Ready(t.Context()) == nil {
		t.Error("ready before the start")
	}
	if err := h.parent.Reload(t.Context()); err == nil {
		t.Error("reloaded before the start")
	}
	h.start()
	h.wantAnswer(h.dial(), "?", "one")
	if err := h.parent.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if err := h.end(); err != nil {
		t.Errorf("Run: %v", err)
	}
	if _, err := net.Dial("unix", h.addr); err == nil {
		t.Error("the listener is open after the end")
	}
	if h.parent.Ready(t.Context()) == nil {
		t.Error("ready after the end")
	}
	if err := h.parent.Reload(t.Context()); err == nil {
		t.Error("reloaded after the end")
	}
}

func TestReloadKeepsConnections(t *testing.T) {
	h := newHouse(t, settings{Answer: "one"}).start()
	first := h.dial()
	h.wantAnswer(first, "?", "one")
	worker, _ := first.ask("pid")

	h.mustReload(settings{Answer: "two"})
	second := h.dial()
	h.wantAnswer(second, "?", "two")
	h.wantAnswer(first, "?", "two")

	h.mustReload(settings{Answer: "three"})
	for _, c := range []*client{first, second, h.dial()} {
		h.wantAnswer(c, "?", "three")
	}
	h.wantAnswer(first, "pid", worker) // it is the same connection, to the same process
}

// bad is a load that must not come into force.
type bad struct {
	name   string
	change func(h *house, l *supervise.Load)
	want   string // in the error
}

func badLoads() []bad {
	mood := func(mood string) func(*house, *supervise.Load) {
		return func(_ *house, l *supervise.Load) { l.Settings = settings{Mood: mood} }
	}
	return []bad{
		{"Load fails", func(h *house, _ *supervise.Load) { h.fail = errors.New("secrets-file: gone") }, "secrets-file: gone"},
		{"worker cannot prepare itself", mood(unready), "worker: syslog: no such file"},
		{"worker refuses", mood(refuses), "worker: database: no such file; or directory\ufffd[31m"},
		{"worker panics", mood(panics), "exit status 2"},
		{"worker is never ready", func(h *house, l *supervise.Load) {
			h.parent.StartWithin = 500 * time.Millisecond
			l.Settings = settings{Mood: silent}
		}, "was not ready within 500ms"},
		{"no such program", func(h *house, _ *supervise.Load) {
			h.parent.Command = func() *exec.Cmd { return exec.Command("/nonexistent/postern") }
		}, "worker: start: fork/exec /nonexistent/postern: no such file"},
		{"no such user", func(_ *house, l *supervise.Load) { l.Confinement.User = "no-such-user" }, `user "no-such-user": user: unknown user`},
		{"no such root", func(_ *house, l *supervise.Load) { l.Confinement.Chroot = "/nonexistent" }, "worker: chroot: /nonexistent: "},
		{"settings that are no JSON", func(_ *house, l *supervise.Load) { l.Settings = make(chan int) }, "settings: json: unsupported type"},
		{"settings without measure", func(_ *house, l *supervise.Load) {
			l.Settings = make([]byte, 48<<20) // 64 MiB of base64
		}, "settings: 67108866 bytes, at most"},
		{"two of a name", func(_ *house, l *supervise.Load) {
			l.Listeners = append(l.Listeners, l.Listeners[0])
		}, `listeners: two have the name "main"`},
		{"listener without a socket", func(h *house, l *supervise.Load) {
			odd := h.listen("odd", "tcp", "127.0.0.1:0")
			l.Listeners = append(l.Listeners, supervise.Listener{Name: "odd", Listener: struct{ net.Listener }{odd}})
		}, "listener odd: struct { net.Listener } has no SyscallConn"},
		{"listener that is closed", func(h *house, l *supervise.Load) {
			closed := h.listen("closed", "tcp", "127.0.0.1:0")
			closed.Close()
			l.Listeners = append(l.Listeners, closed)
		}, "listener closed: "},
	}
}

func TestBadReloadChangesNothing(t *testing.T) {
	for _, c := range badLoads() {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, settings{Answer: "one"}).start()
			good, command, within := h.next, h.parent.Command, h.parent.StartWithin
			conn := h.dial()
			h.wantAnswer(conn, "?", "one")
			worker := h.once("pid")

			h.next.Settings = settings{Answer: "two"}
			added := h.listen("added", "tcp", "127.0.0.1:0")
			h.next.Listeners = []supervise.Listener{h.next.Listeners[0], added}
			c.change(h, &h.next)
			err := h.parent.Reload(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("Reload: %v, want %q", err, c.want)
			}
			if h.fail == nil && added.Close() == nil {
				t.Error("the listener that the bad load opened was left open")
			}
			h.wantAnswer(conn, "?", "one")
			h.wantAnswer(h.dial(), "pid", worker)

			h.next, h.fail, h.parent.Command, h.parent.StartWithin = good, nil, command, within
			h.mustReload(settings{Answer: "three"})
			h.wantAnswer(conn, "?", "three")
			added.Close()
		})
	}
}

func TestBadFirstLoadEndsRun(t *testing.T) {
	for _, c := range badLoads() {
		if c.name == "settings without measure" {
			continue // takes seconds; once is enough
		}
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, settings{})
			ln := h.next.Listeners[0]
			c.change(h, &h.next)
			h.run(func() { t.Error("ready") })
			err := <-h.done
			h.done <- err
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("Run: %v, want %q", err, c.want)
			}
			if h.fail == nil && ln.Close() == nil {
				t.Error("the listener was left open")
			}
			ln.Close()
		})
	}
}

func TestStopDuringStart(t *testing.T) {
	h := newHouse(t, settings{Mood: silent})
	loaded := make(chan struct{})
	h.parent.Load = func(ctx context.Context, held []supervise.Listener) (supervise.Load, error) {
		close(loaded)
		return h.load(ctx, held)
	}
	h.run(func() { t.Error("ready") })
	<-loaded
	if err := h.end(); err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestStopDuringReload(t *testing.T) {
	h := newHouse(t, settings{Answer: "one"}).start()
	h.wantAnswer(h.dial(), "?", "one")
	reloaded := make(chan error, 1)
	loading := make(chan struct{})
	h.parent.Load = func(ctx context.Context, held []supervise.Listener) (supervise.Load, error) {
		close(loading)
		return h.load(ctx, held)
	}
	go func() { reloaded <- h.reload(settings{Mood: silent}) }()
	<-loading
	if err := h.end(); err != nil {
		t.Errorf("Run: %v", err)
	}
	if err := <-reloaded; !errors.Is(err, context.Canceled) {
		t.Errorf("Reload: %v", err)
	}
}

func TestListenersComeAndGo(t *testing.T) {
	h := newHouse(t, settings{Answer: "one"}).start()
	main := h.next.Listeners[0]
	tcp := h.listen("tcp", "tcp", "127.0.0.1:0")
	addr := tcp.Addr().String()
	ask := func(network, address string) error {
		c, err := dial(network, address)
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.ask("?")
		return err
	}

	h.next.Listeners = []supervise.Listener{main, tcp}
	h.mustReload(settings{Answer: "two"})
	if err := errors.Join(ask("unix", h.addr), ask("tcp", addr)); err != nil {
		t.Error(err)
	}

	stays, err := dial("unix", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer stays.Close()
	h.wantAnswer(stays, "?", "two")
	h.next.Listeners = []supervise.Listener{tcp}
	h.mustReload(settings{Answer: "three"})
	if err := ask("tcp", addr); err != nil {
		t.Error(err)
	}
	h.wantAnswer(stays, "?", "three") // its listener has gone, it has not
	if err := main.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener that was dropped is open in the parent: %v", err)
	}
	if _, err := os.Stat(h.addr); err == nil {
		t.Error("the socket of the listener that was dropped is there")
	}
}

func TestLoadIsToldWhatIsHeld(t *testing.T) {
	h := newHouse(t, settings{Answer: "one"})
	var seen [][]supervise.Listener
	h.parent.Load = func(ctx context.Context, held []supervise.Listener) (supervise.Load, error) {
		seen = append(seen, held)
		return h.load(ctx, held)
	}
	h.start()
	h.mustReload(settings{Answer: "two"})
	if len(seen) != 2 || len(seen[0]) != 0 || len(seen[1]) != 1 || seen[1][0] != h.next.Listeners[0] {
		t.Errorf("held: %v", seen)
	}
}

// A file of a net.Listener turns to blocking mode when it is handed over, and
// the socket with it, for every process that has it: an Accept that has found
// the queue empty would then hang, and the worker with it.
func TestSocketsStayNonBlocking(t *testing.T) {
	h := newHouse(t, settings{Answer: "one"})
	raw, err := h.next.Listeners[0].Listener.(*net.UnixListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	blocking := 0
	h.start()
	for n := range 5 {
		if h.once("blocking") != "false" {
			blocking++
		}
		h.mustReload(settings{Answer: fmt.Sprint(n)})
	}
	err = raw.Control(func(fd uintptr) {
		flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0)
		if err != nil || flags&unix.O_NONBLOCK == 0 {
			t.Errorf("flags %o, %v", flags, err)
		}
	})
	if err != nil {
		t.Error(err)
	}
	if blocking > 0 {
		t.Errorf("%d workers were given a socket in blocking mode", blocking)
	}
}

func TestBigSettings(t *testing.T) {
	domains := make([]string, 20_000)
	for i := range domains {
		domains[i] = fmt.Sprintf("a-domain-with-a-rather-long-name-%d.example.org", i)
	}
	h := newHouse(t, settings{Domains: domains, Secret: strings.Repeat("s", 1<<20)}).start()
	c := h.dial()
	h.wantAnswer(c, "domains", "20000")
	h.mustReload(settings{Domains: domains[:10_000], Secret: strings.Repeat("t", 1<<20)})
	h.wantAnswer(c, "domains", "10000")
	h.wantAnswer(h.dial(), "domains", "10000")
}

func TestNoParent(t *testing.T) {
	cmd := workerCommand(nil)()
	out := &strings.Builder{}
	cmd.Stderr = out
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("%v", err)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cmd = workerCommand(nil)()
	cmd.Stderr, cmd.ExtraFiles = out, []*os.File{file}
	if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("%v", err)
	}
	if got := strings.Count(out.String(), "descriptor 3 does not lead to a parent process"); got != 2 {
		t.Errorf("said: %s", out)
	}
}
