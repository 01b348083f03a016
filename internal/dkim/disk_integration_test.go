//go:build integration

package dkim_test

import (
	"errors"
	"fmt"
	"io/fs"
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

// TestNoInodes: a disk without room for a further file is full, whatever else is
// found missing there.
func TestNoInodes(t *testing.T) {
	dir := t.TempDir()
	scratchtest.SmallDisk(t, dir, "256k,nr_inodes=32")
	o := dkim.Options{Dir: dir, Owner: dkim.Nobody(), Bits: 1024}
	if err := os.MkdirAll(filepath.Join(dir, "keys/example.org"), 0o750); err != nil {
		t.Fatal(err)
	}
	var err error
	for i := 0; err == nil; i++ {
		err = os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), nil, 0o600)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if _, err := dkim.Sync(t.Context(), o, []string{"example.org"}); !errors.Is(err, syscall.ENOSPC) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
