package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// inBackground is set in the environment of a daemon that has left its
// terminal. Its value is the descriptor on which it says that it serves.
const inBackground = "POSTERN_BACKGROUND"

// goToBackground starts this program again without a terminal and returns when
// that serves, or with what went wrong: daemon(3) for a language without fork.
func goToBackground(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return temporary(fmt.Errorf("background: %w", err))
	}
	said, say, err := os.Pipe()
	if err != nil {
		return temporary(fmt.Errorf("background: %w", err))
	}
	defer said.Close()
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Env = append(os.Environ(), inBackground+"=3")
	cmd.ExtraFiles = []*os.File{say}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	say.Close()
	if err != nil {
		return temporary(fmt.Errorf("background: %w", err))
	}
	defer context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })()
	if word, err := io.ReadAll(said); err == nil && len(word) > 0 {
		return cmd.Process.Release()
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return &exitError{status: exit.ExitCode(), err: errors.New("background: the daemon ended before it served; syslog says more")}
	}
	return temporary(fmt.Errorf("background: the daemon ended before it served: %v", err))
}

// leaveForeground tells who started us that we serve.
func leaveForeground() {
	if os.Getenv(inBackground) == "" {
		return
	}
	f := os.NewFile(3, "foreground")
	_, _ = f.WriteString("serving\n") // nobody may be left to hear it
	f.Close()
}
