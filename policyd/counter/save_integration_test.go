//go:build integration

package counter

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"postern/internal/scratch/scratchtest"
)

// TestFullDisk: the old file stays, it is said once, and the next save after
// there is room again works.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	scratchtest.SmallDisk(t, dir, "4m")
	path := filepath.Join(dir, "counters")
	said := logged(func(log *slog.Logger) {
		m := NewMemory(MemoryOptions{Log: log})
		k := &keeper{m: m, path: path}
		fill(t, m, 100)
		k.keep()
		filler := scratchtest.FillDisk(t, dir)
		fill(t, m, 10_000)
		if err := m.Save(path); !errors.Is(err, syscall.ENOSPC) {
			t.Error(err)
		}
		for range 3 {
			k.keep()
		}
		if n := Open(path, MemoryOptions{}).Len(); n != 100 {
			t.Errorf("%d counters in the old file", n)
		}
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		k.keep()
		if n := Open(path, MemoryOptions{}).Len(); n != 10_000 {
			t.Errorf("%d counters in the new file", n)
		}
	})
	if strings.Count(said, "WARN") != 1 || !strings.Contains(said, "no space left") || strings.Count(said, "saved again") != 1 {
		t.Errorf("it says\n%s", said)
	}
}
