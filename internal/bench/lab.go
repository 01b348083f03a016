package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// lab is what all measurements share.
type lab struct {
	quick  bool
	dir    string // scratch folder, also readable by Postfix
	binary string // the real daemon
	self   string // this program, for what runs beside it
	began  time.Time
	stderr io.Writer
	report report
}

// newLab builds the daemon into a scratch folder.
func newLab(ctx context.Context, quick bool, stderr io.Writer) (*lab, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "postern-bench-")
	if err != nil {
		return nil, err
	}
	l := &lab{quick: quick, dir: dir, binary: filepath.Join(dir, "postern"), self: self, began: time.Now(), stderr: stderr}
	if err := l.build(ctx); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *lab) build(ctx context.Context) error {
	if err := os.Chmod(l.dir, 0o755); err != nil {
		return err
	}
	l.say("building postern")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", l.binary, "postern/cmd/postern")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

func (l *lab) close() { os.RemoveAll(l.dir) }

// say tells the one who waits.
func (l *lab) say(format string, args ...any) {
	fmt.Fprintf(l.stderr, "%5.0fs  %s\n", time.Since(l.began).Seconds(), fmt.Sprintf(format, args...))
}

// folder makes a folder of its own for one server.
func (l *lab) folder() (string, error) {
	dir, err := os.MkdirTemp(l.dir, "")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o755)
}

// either is full, or the smaller value of -quick.
func either[T any](l *lab, full, quick T) T {
	if l.quick {
		return quick
	}
	return full
}
