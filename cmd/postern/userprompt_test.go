package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"postern/internal/store"
)

// openTerminal makes a terminal: what is written to the one file is typed in the
// other.
func openTerminal(t *testing.T) (keyboard, screen *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keyboard.Close() })
	n := 0
	onDescriptor(t, keyboard, func(fd int) (err error) {
		if err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err == nil {
			n, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
		}
		return err
	})
	screen, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { screen.Close() })
	return keyboard, screen
}

// echoed is what the terminal shows of what was typed.
func echoed(t *testing.T, keyboard *os.File) string {
	t.Helper()
	fd := int(keyboard.Fd()) // once: it makes the file blocking
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	text := make([]byte, 4096)
	n, _ := unix.Read(fd, text) // EAGAIN: nothing
	return string(text[:max(0, n)])
}

// typist types the next line whenever a prompt appears and the terminal hides
// what is typed.
type typist struct {
	keyboard, screen *os.File
	keys             []string
	seen             bytes.Buffer
}

func (p *typist) Write(text []byte) (int, error) {
	p.seen.Write(text)
	if strings.HasSuffix(string(text), ": ") && len(p.keys) > 0 {
		keys, fd := p.keys[0], int(p.screen.Fd())
		p.keys = p.keys[1:]
		go func() {
			if awaitHidden(fd) == nil {
				fmt.Fprint(p.keyboard, keys)
			}
		}()
	}
	return len(text), nil
}

// awaitHidden returns when a terminal echoes no more.
func awaitHidden(fd int) error {
	for {
		state, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err != nil || state.Lflag&unix.ECHO == 0 {
			return err
		}
		runtime.Gosched()
	}
}

func TestPrompt(t *testing.T) {
	tests := []struct {
		name   string
		keys   []string
		status int
		want   string
	}{
		{"typed twice", []string{"swordfish on the table\n", "swordfish on the table\n"}, 0, "New password of alice: \nOnce more: \npostern: note: it may not send"},
		{"not the same", []string{"swordfish on the table\n", "swordfish on the tabel\n"}, 1, "the two are not the same: nothing was changed"},
		{"too short", []string{"short\n", "short\n"}, 2, "has 5 characters: 8 at least"},
		{"nothing", []string{"\n", "\n"}, 2, "password: is empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := store.InitSQLite(filepath.Join(dir, "postern.db")); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, "postern.yaml")
			if err := os.WriteFile(file, []byte("database: {driver: sqlite, path: postern.db}\ncontrol: control\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			keyboard, screen := openTerminal(t)
			errs := &typist{keyboard: keyboard, screen: screen, keys: tt.keys}
			var out bytes.Buffer
			status := run(context.Background(), []string{"user", "add", "--config", file, "alice"}, screen, &out, errs)
			if status != tt.status || !strings.Contains(errs.seen.String(), tt.want) {
				t.Errorf("status %d, want %d: %s%q", status, tt.status, &out, errs.seen.String())
			}
			if strings.Contains(echoed(t, keyboard)+errs.seen.String()+out.String(), "swordfish") {
				t.Error("the password shows")
			}
		})
	}
}

// TestPromptInterrupted: the terminal echoes again.
func TestPromptInterrupted(t *testing.T) {
	keyboard, screen := openTerminal(t)
	before, err := unix.IoctlGetTermios(int(screen.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	ended, fd := make(chan struct{}), int(screen.Fd())
	go func() {
		defer close(ended)
		if err := awaitHidden(fd); err != nil {
			t.Error(err)
		}
		syscall.Kill(os.Getpid(), syscall.SIGINT)
	}()
	lines := make(lineEnds, 3)
	_, err = promptPassword(screen, lines, "alice")
	<-ended
	if exitStatus(err) != exitNo || !strings.Contains(err.Error(), "interrupted: nothing was changed") {
		t.Errorf("got %v", err)
	}
	after, err := unix.IoctlGetTermios(int(screen.Fd()), unix.TCGETS)
	if err != nil || after.Lflag != before.Lflag {
		t.Errorf("echo: %x, before %x, %v", after.Lflag, before.Lflag, err)
	}
	fmt.Fprint(keyboard, "x\ny\n") // ends the one who reads, before the terminal is closed
	for range cap(lines) {
		<-lines
	}
}

// lineEnds tells of each line that ended: one for the interruption, and one
// behind each password.
type lineEnds chan struct{}

func (l lineEnds) Write(text []byte) (int, error) {
	if string(text) == "\n" {
		l <- struct{}{}
	}
	return len(text), nil
}

func TestPasswordLine(t *testing.T) {
	for in, want := range map[string]string{
		"secret\n": "secret", "secret\r\n": "secret", "secret": "secret", " two words ": " two words ", "": "", "\n": "",
	} {
		if got, err := passwordLine(strings.NewReader(in)); got != want || err != nil {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	for _, in := range []string{"a\nb", "a\n\n", strings.Repeat("x", maxPasswordLine+1)} {
		if got, err := passwordLine(strings.NewReader(in)); exitStatus(err) != exitUsage {
			t.Errorf("%.20q: %q, %v", in, got, err)
		}
	}
}
