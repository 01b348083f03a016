package envelope

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// childPath, if set, makes the test binary a process that stores senders.
const (
	childPath = "POSTERN_TEST_ENVELOPE_FILE"
	childName = "POSTERN_TEST_ENVELOPE_NAME"
)

const sendersPerProcess = 15

// beChild is the other process: it stores and reads back, its own senders and
// those of all.
func beChild(path, name string) error {
	ctx := context.Background()
	s, err := Open(ctx, "sqlite:"+path, Options{Exact: name == "exact", Timeout: 30 * time.Second})
	if err != nil {
		return err
	}
	defer s.Close()
	for i := range sendersPerProcess {
		for _, address := range []string{fmt.Sprintf("%s%d@example.com", name, i), fmt.Sprintf("shared%d@example.com", i)} {
			if err := s.Put(ctx, Alias(address), address); err != nil {
				return err
			}
			if got, found, err := s.Get(ctx, Alias(address)); got != address || !found || err != nil {
				return fmt.Errorf("get %s: %q, %v, %v", address, got, found, err)
			}
		}
	}
	return nil
}

// TestProcesses: several processes make one file at once and share it.
func TestProcesses(t *testing.T) {
	for _, names := range [][]string{{"one", "two", "three"}, {"native", "exact"}} {
		t.Run(fmt.Sprint(names), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "senders.db")
			var children []*exec.Cmd
			for _, name := range names {
				child := exec.CommandContext(t.Context(), os.Args[0])
				child.Env = append(os.Environ(), childPath+"="+path, childName+"="+name)
				child.Stderr = os.Stderr
				if err := child.Start(); err != nil {
					t.Fatal(err)
				}
				children = append(children, child)
			}
			for i, child := range children {
				if err := child.Wait(); err != nil {
					t.Errorf("process %s: %v", names[i], err)
				}
			}
			s := open(t, "sqlite:"+path, Options{})
			if n, err := s.Len(t.Context()); n != int64(sendersPerProcess*(len(names)+1)) || err != nil {
				t.Errorf("%d senders, %v", n, err)
			}
		})
	}
}

// TestKilledProcess: what was stored is there after a process was killed in
// the middle of its work, and the file goes on.
func TestKilledProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "senders.db")
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childPath+"="+path, childName+"=killed")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	s := subject{Store: open(t, "sqlite:"+path, Options{Timeout: 30 * time.Second})}
	written(t, "the other process stores", func() bool {
		n, err := s.Len(t.Context())
		return err == nil && n >= 4
	})
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	child.Wait()
	s.put(t, "after@example.com")
	s.gives(t, Alias("after@example.com"), "after@example.com")
	s.gives(t, Alias("killed0@example.com"), "killed0@example.com")
	var verdict string
	if err := plainly(t, path).Get(&verdict, "PRAGMA integrity_check"); err != nil || verdict != "ok" {
		t.Errorf("%s, %v", verdict, err)
	}
}
