package scratchtest

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// SmallDisk makes dir a file system of its own, of a size as tmpfs(5) writes
// it. It needs root.
func SmallDisk(tb testing.TB, dir, size string) {
	tb.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size+",mode=0755"); err != nil {
		tb.Fatalf("mount a small disk: %v", err)
	}
	tb.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			tb.Error(err)
		}
	})
}

// FillDisk writes until nothing fits any more; the file's removal makes room.
func FillDisk(tb testing.TB, dir string) (filler string) {
	tb.Helper()
	filler = filepath.Join(dir, "filler")
	f, err := os.Create(filler)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		tb.Fatal(err)
	}
	return filler
}
