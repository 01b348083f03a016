//go:build integration

package demo

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestStopped: Ctrl-C, kill(1) and a terminal that is closed end the demo, and
// nothing is left of it. Without root it is up at once.
func TestStopped(t *testing.T) {
	dir, err := os.MkdirTemp("", "stopped-") // no t.TempDir: its paths are too long for sockets
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "postern")
	scratch := filepath.Join(dir, "tmp")
	for _, err := range []error{
		os.Rename(buildPostern(t), binary), os.Chmod(binary, 0o755), os.Chmod(dir, 0o755), os.Mkdir(scratch, 0o755), os.Chown(scratch, 65534, 65534),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			cmd := exec.Command(binary, "demo")
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			cmd.Env = append(os.Environ(), "TMPDIR="+scratch)
			cmd.Dir = "/"
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer time.AfterFunc(patience, func() { cmd.Process.Kill() }).Stop()
			printedCommands(t, out)
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("the demo ended with %v", err)
			}
			left, err := os.ReadDir(scratch)
			if err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}
