package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postern/internal/store"
	"postern/socketmap"
)

// pseudoTerminal is a terminal whose user is a test.
type pseudoTerminal struct {
	user, terminal *os.File
	before         unix.Termios // its modes

	mu   sync.Mutex
	text []byte // what was written to it
}

// newTerminal opens a terminal of 24 lines of 80 characters, pty(7).
func newTerminal(t *testing.T) *pseudoTerminal {
	t.Helper()
	user, terminal := openTerminal(t)
	p := &pseudoTerminal{user: user, terminal: terminal}
	p.resize(t, 80, 24)
	p.before = p.modes(t)
	go p.listen()
	return p
}

// onDescriptor does something with the descriptor of a file that other goroutines
// read, and which must stay as it is for that.
func onDescriptor(t *testing.T, file *os.File, do func(fd int) error) {
	t.Helper()
	raw, err := file.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = do(int(fd)) }); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
}

func (p *pseudoTerminal) resize(t *testing.T, width, height uint16) {
	t.Helper()
	onDescriptor(t, p.user, func(fd int) error {
		return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: height, Col: width})
	})
}

// listen keeps what is written until the terminal ends.
func (p *pseudoTerminal) listen() {
	piece := make([]byte, 4096)
	for {
		n, err := p.user.Read(piece)
		p.mu.Lock()
		p.text = append(p.text, piece[:n]...)
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (p *pseudoTerminal) modes(t *testing.T) unix.Termios {
	t.Helper()
	var modes *unix.Termios
	onDescriptor(t, p.terminal, func(fd int) (err error) {
		modes, err = unix.IoctlGetTermios(fd, unix.TCGETS)
		return err
	})
	return *modes
}

// await waits for a text, and forgets what came up to it.
func (p *pseudoTerminal) await(t *testing.T, text string) {
	t.Helper()
	p.awaitWhile(t, text, func() {})
}

// awaitDrawn waits for a text in a picture that is drawn anew again and again,
// since otherwise only what changes is written.
func (p *pseudoTerminal) awaitDrawn(t *testing.T, text string) {
	t.Helper()
	p.awaitWhile(t, text, func() { p.press(t, "\f") })
}

func (p *pseudoTerminal) awaitWhile(t *testing.T, text string, do func()) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if p.forget(text) {
			return
		}
		do()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	t.Fatalf("%q was not written, but at the end %q", text, p.text[max(0, len(p.text)-4096):])
}

// forget drops what was written up to a text, if it was.
func (p *pseudoTerminal) forget(text string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, after, found := bytes.Cut(p.text, []byte(text))
	if found {
		p.text = after
	}
	return found
}

func (p *pseudoTerminal) press(t *testing.T, keys string) {
	t.Helper()
	if _, err := p.user.WriteString(keys); err != nil {
		t.Fatal(err)
	}
}

// start runs a command that has the terminal for its own.
func (p *pseudoTerminal) start(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "TERM=xterm", "LC_ALL=C.UTF-8", "PS1=prompt>", "ENV=")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.terminal, p.terminal, p.terminal
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // has ended, unless the test failed
	return cmd
}

// ended waits for the end of a command.
func ended(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("%v: %v", cmd.Args, err)
		}
	case <-time.After(patience):
		t.Fatalf("%v goes on", cmd.Args)
	}
}

// restored compares the terminal with what it was.
func (p *pseudoTerminal) restored(t *testing.T) {
	t.Helper()
	if now := p.modes(t); now != p.before {
		t.Errorf("the modes of the terminal are %+v, they were %+v", now, p.before)
	}
}

const (
	fullScreen  = "\x1b[?1049h" // xterm's other screen, without what was there before
	normalAgain = "\x1b[?1049l"
)

// TestTopInTerminal watches a daemon that answers, with a user at the keyboard.
func TestTopInTerminal(t *testing.T) {
	dir, address := startServe(t)
	path := filepath.Join(dir, "postern.yaml")
	top := []string{"top", "--config", path, "--interval", "200ms"}

	t.Run("q", func(t *testing.T) {
		p := newTerminal(t)
		cmd := p.start(t, "postern", top...)
		p.await(t, fullScreen)
		p.await(t, "ready")
		if p.modes(t) == p.before {
			t.Error("the terminal is in no other mode")
		}
		askOften(t, address)
		p.awaitDrawn(t, "virtual-aliases")
		p.press(t, "3")
		p.awaitDrawn(t, "[decisions]")
		p.resize(t, 40, 10)
		p.awaitDrawn(t, "\x1b[10;1H\x1b(B\x1b[m\x1b[1mq") // the last line
		p.press(t, "q")
		ended(t, cmd)
		p.await(t, normalAgain)
		p.restored(t)
	})
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT} {
		t.Run(signal.String(), func(t *testing.T) {
			p := newTerminal(t)
			cmd := p.start(t, "postern", top...)
			p.await(t, "ready")
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			ended(t, cmd)
			p.await(t, normalAgain)
			p.restored(t)
		})
	}
	t.Run("terminal closes", func(t *testing.T) {
		p := newTerminal(t)
		cmd := p.start(t, "postern", top...)
		p.await(t, "ready")
		p.user.Close()
		ended(t, cmd)
	})
	t.Run("suspended", func(t *testing.T) {
		p := newTerminal(t)
		shell := p.start(t, "/bin/sh", "-i")
		p.await(t, "prompt>")
		p.press(t, "postern "+strings.Join(top, " ")+"\n")
		p.await(t, fullScreen)
		p.await(t, "ready")
		p.press(t, "\x1a") // Ctrl-Z
		p.await(t, normalAgain)
		p.await(t, "prompt>")
		p.restored(t)
		p.press(t, "fg\n")
		p.await(t, fullScreen)
		p.await(t, "ready")
		p.press(t, "q")
		p.await(t, normalAgain)
		p.press(t, "echo status=$?\n")
		p.await(t, "status=0")
		p.restored(t)
		p.press(t, "exit\n")
		ended(t, shell)
	})
	for _, name := range []string{"none-such", "dumb", ""} {
		t.Run("terminal "+name, func(t *testing.T) {
			p := newTerminal(t)
			cmd := p.start(t, "env", append([]string{"TERM=" + name, "postern"}, top...)...)
			var exit *exec.ExitError
			if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitUsage {
				t.Errorf("ended with %v", err)
			}
			p.await(t, fmt.Sprintf("top: terminal %q: ", name))
			p.restored(t)
		})
	}
}

// startServe runs `postern serve` over SQLite until the test ends.
func startServe(t *testing.T) (dir, address string) {
	t.Helper()
	dir = t.TempDir()
	file := filepath.Join(dir, "postern.db")
	if err := store.InitSQLite(file); err != nil {
		t.Fatal(err)
	}
	free := &ports{}
	address = free.address(t)
	text := fmt.Sprintf("database: {driver: sqlite, path: %s}\ncontrol: %s\nstate_dir: %s\nsocketmap: {listen: [\"inet:%s\"]}\nmetrics: {listen: \"inet:%s\"}\n",
		file, filepath.Join(dir, "control"), filepath.Join(dir, "state"), address, free.address(t))
	path := filepath.Join(dir, "postern.yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	startConfigured(t, path)
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if text, err := exec.Command("postern", "top", "--once", "--config", path).Output(); err == nil && bytes.Contains(text, []byte("serve ready")) {
			return dir, address
		}
	}
	t.Fatal("serve does not answer")
	return "", ""
}

// askOften asks as Postfix does.
func askOften(t *testing.T, address string) {
	t.Helper()
	c := socketmap.NewClient("tcp", address, "virtual-aliases", socketmap.ClientOptions{})
	defer c.Close()
	for range 100 {
		if _, _, err := c.Lookup(t.Context(), "nobody@example.org"); err != nil {
			t.Fatal(err)
		}
	}
}
