package supervise_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"postern/internal/daemon"
	"postern/internal/supervise"
)

// parentMain is a daemon as a command would start it. Its argument is a
// folder with the settings and the socket.
func parentMain() int {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := parentOf(os.Args[1], log); err != nil {
		log.Error("ended", "error", err)
		return 1
	}
	return 0
}

func parentOf(folder string, log *slog.Logger) error {
	sockets := daemon.Inherit()
	parent := &supervise.Parent{
		Command:  workerCommand(nil),
		Log:      log,
		LameDuck: time.Hour,
		Grace:    time.Second,
		Load: func(_ context.Context, held []supervise.Listener) (supervise.Load, error) {
			l := supervise.Load{Listeners: held}
			text, err := os.ReadFile(filepath.Join(folder, "settings"))
			if err != nil {
				return l, err
			}
			l.Settings = json.RawMessage(text)
			l.Confinement.User, l.Confinement.Chroot = os.Getenv("RUN_AS"), os.Getenv("CHROOT")
			if len(held) == 0 {
				ln, err := sockets.Listen(daemon.ListenSpec{At: "unix:" + filepath.Join(folder, "main"), Mode: 0o666})
				if err != nil {
					return l, err
				}
				l.Listeners = []supervise.Listener{{Name: "main", Listener: ln}}
			}
			return l, nil
		},
	}
	process := daemon.Process{Log: log, Reload: parent.Reload}
	return process.Run(context.Background(), func(ctx context.Context, ready func()) error {
		return parent.Run(ctx, func() {
			ready()
			fmt.Println("ready")
		})
	})
}

// family is a parent process under test and its workers.
type family struct {
	*testing.T
	folder string
	parent *exec.Cmd
	output *bufio.Reader // of all its processes
}

func newFamily(t *testing.T, s settings, change func(*exec.Cmd)) *family {
	t.Helper()
	f := &family{T: t, folder: t.TempDir()}
	f.configure(s)
	log, err := os.Create(filepath.Join(f.folder, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	f.parent = supervise.Self(f.folder)()
	f.parent.Env = append(os.Environ(), roleVariable+"=parent", "GORACE=atexit_sleep_ms=0")
	f.parent.Stderr = log
	f.parent.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	read.SetReadDeadline(time.Now().Add(patience))
	f.output, f.parent.Stdout = bufio.NewReader(read), write
	if change != nil {
		change(f.parent)
	}
	err = f.parent.Start()
	write.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.parent.Process.Kill()
		f.parent.Wait()
		f.wantAllGone()
		read.Close()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("%s", text)
		}
	})
	if line, err := f.output.ReadString('\n'); line != "ready\n" {
		t.Fatalf("not ready: %q, %v", line, err)
	}
	return f
}

func (f *family) configure(s settings) {
	f.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		f.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(f.folder, "settings"), text, 0o600); err != nil {
		f.Fatal(err)
	}
}

// wantAllGone returns when no process has its standard output open any more.
func (f *family) wantAllGone() {
	f.Helper()
	if rest, err := io.ReadAll(f.output); err != nil {
		f.Errorf("a process is left: %v (%q)", err, rest)
	}
}

func (f *family) dial() *client {
	f.Helper()
	c, err := dial("unix", filepath.Join(f.folder, "main"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { c.Close() })
	return c
}

func (f *family) ask(c *client, line string) string {
	f.Helper()
	answer, err := c.ask(line)
	if err != nil {
		f.Fatalf("%q: %v", line, err)
	}
	return answer
}

// until asks again and again: when a signal is heeded is the parent's affair.
func (f *family) until(done func() bool) {
	f.Helper()
	for limit := time.Now().Add(patience); !done(); {
		if time.Now().After(limit) {
			f.Fatal("it never came to pass")
		}
	}
}

// signal goes to the parent, its process group, or its control group, as
// systemd's KillMode has it.
func (f *family) signal(sig syscall.Signal, to string) {
	f.Helper()
	parent := f.parent.Process.Pid
	worker, err := strconv.Atoi(f.ask(f.dial(), "pid"))
	if err != nil {
		f.Fatal(err)
	}
	for _, pid := range map[string][]int{
		"parent":        {parent},
		"process group": {-parent},
		"control group": {worker, parent},
		"worker":        {worker},
	}[to] {
		if err := syscall.Kill(pid, sig); err != nil {
			f.Fatal(err)
		}
	}
}

func TestStopBySignal(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		for _, to := range []string{"parent", "process group", "control group"} {
			t.Run(fmt.Sprint(sig, " to the ", to), func(t *testing.T) {
				f := newFamily(t, settings{Answer: "one"}, nil)
				c := f.dial()
				if answer := f.ask(c, "?"); answer != "one" {
					t.Errorf("answered %q", answer)
				}
				f.signal(sig, to)
				if err := f.parent.Wait(); err != nil {
					t.Errorf("the parent ended: %v", err)
				}
				f.wantAllGone()
				if _, err := c.ask("?"); err == nil {
					t.Error("answered after the end")
				}
				if _, err := net.Dial("unix", filepath.Join(f.folder, "main")); err == nil {
					t.Error("somebody listens")
				}
			})
		}
	}
}

func TestHangUp(t *testing.T) {
	for _, to := range []string{"parent", "process group", "control group"} {
		t.Run(to, func(t *testing.T) {
			f := newFamily(t, settings{Answer: "one"}, nil)
			c := f.dial()
			f.ask(c, "?")
			f.configure(settings{Answer: "two"})
			f.signal(syscall.SIGHUP, to)
			f.until(func() bool { return f.ask(c, "?") == "two" })
			if answer := f.ask(f.dial(), "?"); answer != "two" {
				t.Errorf("a new connection was answered %q", answer)
			}
		})
	}
}

func TestWorkerHeedsTheParentAlone(t *testing.T) {
	f := newFamily(t, settings{Answer: "one"}, nil)
	c := f.dial()
	worker := f.ask(c, "pid")
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE} {
		f.signal(sig, "worker")
		if answer := f.ask(c, "?"); answer != "one" {
			t.Errorf("after %v: %q", sig, answer)
		}
		if now := f.ask(f.dial(), "pid"); now != worker {
			t.Errorf("after %v process %s serves, not %s", sig, now, worker)
		}
	}
}

func TestParentKilled(t *testing.T) {
	for _, mood := range []string{"", stubborn} {
		t.Run(mood, func(t *testing.T) {
			f := newFamily(t, settings{Mood: mood}, nil)
			leaver := f.dial()
			f.ask(leaver, "?")
			f.configure(settings{Answer: "two", Mood: mood})
			f.signal(syscall.SIGHUP, "parent")
			f.until(func() bool { return f.ask(leaver, "?") == "two" })
			current := f.dial()
			f.ask(current, "?")
			f.signal(syscall.SIGKILL, "parent")
			f.parent.Wait()
			f.wantAllGone()
			for _, c := range []*client{leaver, current} {
				if _, err := c.ask("?"); err == nil {
					t.Error("answered after the end")
				}
			}
		})
	}
}

// A worker that has not become ready must not outlive its parent either.
func TestParentKilledDuringReload(t *testing.T) {
	f := newFamily(t, settings{Answer: "one"}, nil)
	f.ask(f.dial(), "?")
	f.configure(settings{Mood: silent})
	f.signal(syscall.SIGHUP, "parent")
	// The silent worker says on the output that it has begun.
	if line, err := f.output.ReadString('\n'); line != "silent\n" {
		t.Fatalf("%q, %v", line, err)
	}
	f.signal(syscall.SIGKILL, "parent")
	f.parent.Wait()
	f.wantAllGone()
}
