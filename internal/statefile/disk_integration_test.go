//go:build integration

package statefile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"postern/internal/scratch/scratchtest"
)

// TestFullDisk: the old file is intact, nothing half-written is left, and it
// works again when there is room.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	scratchtest.SmallDisk(t, dir, "1m")
	path := filepath.Join(dir, "state")
	if err := v2.Write(path, body("old")); err != nil {
		t.Fatal(err)
	}
	filler := scratchtest.FillDisk(t, dir)
	if err := v2.Write(path, body(strings.Repeat("x", 100_000))); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if got, err := read(v2, path); err != nil || got != "2:old" {
		t.Errorf("read %q, %v", got, err)
	}
	if got := listing(t, path); got != "filler state" {
		t.Errorf("the folder holds %s", got)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := v2.Write(path, body("new")); err != nil {
		t.Fatal(err)
	}
}
