//go:build integration

package greylist

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"context"

	"postern/internal/scratch/scratchtest"
)

// TestFullDisk: mail passes as before, the old file stays, and when there is
// room again the state is written.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	scratchtest.SmallDisk(t, dir, "1m")
	path := filepath.Join(dir, "state")
	synctest.Test(t, func(t *testing.T) {
		log, text := logger()
		m := NewMemory(MemoryOptions{Log: log})
		mustNote(t, m, visit("old.example", 1))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- m.Run(ctx, path, time.Minute) }()
		rest := func() { time.Sleep(time.Minute + time.Second); synctest.Wait() }
		rest()
		filler := scratchtest.FillDisk(t, dir)
		mustNote(t, m, visit("new.example", 1))
		rest()
		rest()
		if n := strings.Count(text.String(), "is not saved"); n != 1 || !strings.Contains(text.String(), "no space left") {
			t.Errorf("log: %s", text)
		}
		if got := knownAt(t, path); got != "old" {
			t.Errorf("the file knows %s", got)
		}
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		rest()
		if got := knownAt(t, path); got != "old new" {
			t.Errorf("the file knows %s", got)
		}
		scratchtest.FillDisk(t, dir)
		mustNote(t, m, visit("later.example", 1))
		cancel()
		if err := <-done; !errors.Is(err, syscall.ENOSPC) {
			t.Error(err)
		}
	})
}

func knownAt(t *testing.T, path string) string {
	t.Helper()
	m := NewMemory(MemoryOptions{})
	if err := m.Load(path); err != nil {
		t.Fatal(err)
	}
	var known []string
	for _, name := range []string{"old", "new", "later"} {
		if mustJudge(t, m, visit(name+".example", 1), true).Known {
			known = append(known, name)
		}
	}
	return strings.Join(known, " ")
}
