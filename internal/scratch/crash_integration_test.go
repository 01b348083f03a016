//go:build integration

package scratch_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"postern/internal/scratch"
)

// crashEnv tells the test binary to be the program that is killed.
const crashEnv = "POSTERN_SCRATCH_CRASH"

// TestCrashChild is not a test by itself: TestCrash runs it as a child, which
// starts everything, names it and waits to be killed.
func TestCrashChild(t *testing.T) {
	if os.Getenv(crashEnv) == "" {
		return
	}
	ctx := context.Background()
	m, err := scratch.StartMariaDB(ctx, scratch.MariaDBOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := scratch.StartSink(ctx, scratch.SinkOptions{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := scratch.StartPostfix(ctx, scratch.PostfixOptions{})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("started", m.Pid(), s.Pid(), p.MasterPid(), filepath.Dir(p.ConfigDir()))
	select {}
}

func TestCrash(t *testing.T) {
	child := exec.Command(os.Args[0], "-test.run=^TestCrashChild$")
	child.Env = append(os.Environ(), crashEnv+"=1")
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var mariadb, sink, master int
	var folder string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if n, _ := fmt.Sscan(strings.TrimPrefix(lines.Text(), "started "), &mariadb, &sink, &master, &folder); n == 4 {
			break
		}
	}
	child.Process.Signal(syscall.SIGKILL)
	child.Wait()
	if folder == "" {
		t.Fatal("the child did not start its servers")
	}
	ctx := patiently(t)
	for _, pid := range []int{mariadb, sink, master} {
		if err := awaitEnd(ctx, pid); err != nil {
			t.Error(err)
		}
	}
	if err := await(ctx, func() bool { _, err := os.Stat(folder); return os.IsNotExist(err) }); err != nil {
		t.Errorf("the guard has not removed %s", folder)
	}
}

// awaitEnd waits until the process is gone or a zombie.
func awaitEnd(ctx context.Context, pid int) error {
	stat := fmt.Sprintf("/proc/%d/stat", pid)
	err := await(ctx, func() bool {
		text, err := os.ReadFile(stat)
		return err != nil || strings.Contains(string(text), ") Z ")
	})
	if err != nil {
		text, _ := os.ReadFile(stat)
		return fmt.Errorf("process %d lives on: %s", pid, text)
	}
	return nil
}

func await(ctx context.Context, done func() bool) error {
	for !done() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}
