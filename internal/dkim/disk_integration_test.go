//go:build integration

package dkim_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"postern/internal/dkim"
	"postern/internal/scratch/scratchtest"
)

// TestFullDisk: a disk that fills up between the key of one domain and the
// tables leaves what was there, and no half of anything.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	scratchtest.SmallDisk(t, dir, "256k")
	o := dkim.Options{Dir: dir, Owner: dkim.Nobody(), Bits: 1024}
	if _, err := dkim.Sync(t.Context(), o, []string{"example.org"}); err != nil {
		t.Fatal(err)
	}
	tables := func() string {
		var all string
		for _, name := range []string{"KeyTable", "SigningTable", "keys/example.org/mail.private"} {
			text, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			all += string(text)
		}
		return all
	}
	before := tables()
	filler := scratchtest.FillDisk(t, dir)
	if _, err := dkim.Sync(t.Context(), o, []string{"example.org", "example.net"}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a key on a full disk: %v", err)
	}
	if _, err := dkim.Sync(t.Context(), dkim.Options{Dir: dir, Owner: dkim.Nobody(), Shrink: true}, nil); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a table on a full disk: %v", err)
	}
	if tables() != before {
		t.Error("the tables have changed")
	}
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if strings.HasSuffix(path, ".new") || strings.Contains(path, "example.net/mail") {
			t.Errorf("left behind: %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	r, err := dkim.Sync(t.Context(), o, []string{"example.org", "example.net"})
	if err != nil || !r.Domains[0].Made {
		t.Errorf("when there is room again: %+v, %v", r, err)
	}
}
