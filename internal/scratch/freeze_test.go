package scratch

import (
	"io"
	"os/exec"
	"syscall"
	"testing"
)

// TestFreeze: a program that writes without a pause writes nothing more.
func TestFreeze(t *testing.T) {
	cmd := exec.Command("yes")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	if _, err := io.CopyN(io.Discard, out, 1<<20); err != nil {
		t.Fatal(err)
	}
	if frozen(cmd.Process.Pid) {
		t.Error("frozen before it is")
	}
	if err := Freeze(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	if !frozen(cmd.Process.Pid) {
		t.Error("it runs")
	}
	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, out, 1<<20); err != nil {
		t.Errorf("it does not go on: %v", err)
	}
}
