package supervise_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"postern/internal/supervise"
)

// roleVariable says what the test binary is when a test starts it.
const roleVariable = "SUPERVISE_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "worker":
		os.Exit(workerMain())
	case "parent":
		os.Exit(parentMain())
	}
	goleak.VerifyTestMain(m)
}

func workerMain() int {
	// Descriptor 4 is the first listener, as it was inherited.
	flags, err := unix.FcntlInt(4, unix.F_GETFL, 0)
	e := newEcho(slog.New(slog.NewTextHandler(os.Stderr, nil)))
	e.blocking = err == nil && flags&unix.O_NONBLOCK == 0
	if err := e.worker().Run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// workerCommand runs the test binary as a worker. Its log goes to a file of
// the test: what it says is shown only if the test fails.
func workerCommand(stderr *os.File) func() *exec.Cmd {
	self := supervise.Self()
	return func() *exec.Cmd {
		cmd := self()
		cmd.Env = append(os.Environ(), roleVariable+"=worker", "GORACE=atexit_sleep_ms=0")
		cmd.Stderr = stderr
		return cmd
	}
}
