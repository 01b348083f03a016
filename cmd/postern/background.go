package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"postern/internal/supervise"
)

// inBackground is set in the environment of a daemon that has left its
// terminal. Its value is the descriptor on which it says that it serves, or why
// it does not.
const inBackground = "POSTERN_BACKGROUND"

// serving is what it says.
const serving = "serving\n"

// goToBackground starts this program again without a terminal and returns when
// that serves, or with what went wrong: daemon(3) for a language without fork.
func goToBackground(ctx context.Context) error {
	said, say, err := os.Pipe()
	if err != nil {
		return temporary(fmt.Errorf("background: %w", err))
	}
	defer said.Close()
	cmd := supervise.Self(os.Args[1:]...)()
	cmd.Env = append(os.Environ(), inBackground+"=3")
	cmd.ExtraFiles = []*os.File{say}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	say.Close()
	if err != nil {
		return temporary(fmt.Errorf("background: %w", err))
	}
	defer context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })()
	word, err := io.ReadAll(said)
	if err == nil && string(word) == serving {
		return cmd.Process.Release()
	}
	reason := errors.New("background: the daemon ended before it served; syslog may say more")
	if len(word) > 0 {
		reason = errors.New(string(word))
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return &exitError{status: exit.ExitCode(), err: reason}
	}
	return temporary(reason)
}

// leaveForeground tells who started us that we serve.
func leaveForeground() { sayInForeground(serving) }

// tellForeground tells who started us, if he still waits, why we do not.
func tellForeground(err error) {
	if err != nil {
		sayInForeground(err.Error())
	}
}

// sayInForeground says one thing; nobody may be left to hear it.
func sayInForeground(text string) {
	if os.Getenv(inBackground) == "" {
		return
	}
	os.Unsetenv(inBackground) // the descriptor is closed then, and may be another's
	f := os.NewFile(3, "foreground")
	_, _ = f.WriteString(text)
	f.Close()
}
