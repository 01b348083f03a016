package scratch

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestFolderSweepsLeftovers(t *testing.T) {
	parent := t.TempDir()
	inUse, err := newFolder(parent, "x", nothingRuns)
	if err != nil {
		t.Fatal(err)
	}
	defer inUse.remove()
	old := time.Now().Add(-time.Hour)
	for _, name := range []string{"postern-x-left", "postern-y-other-kind", "unrelated"} {
		path := filepath.Join(parent, name)
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(parent, "postern-x-young"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(inUse.path, old, old); err != nil {
		t.Fatal(err)
	}
	var halted []string
	f, err := newFolder(parent, "x", func(path string) { halted = append(halted, filepath.Base(path)) })
	if err != nil {
		t.Fatal(err)
	}
	if len(halted) != 1 || halted[0] != "postern-x-left" {
		t.Errorf("halted %q, want the one leftover", halted)
	}
	left, _ := os.ReadDir(parent)
	if len(left) != 5 { // inUse, young, other kind, unrelated, f
		t.Errorf("left: %v", left)
	}
	if err := f.remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(f.path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("removed folder: %v", err)
	}
}
