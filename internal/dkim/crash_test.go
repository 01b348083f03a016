package dkim

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func TestKeysThatExist(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"empty":   func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"rubbish": func(path string) error { return os.WriteFile(path, []byte("x"), 0o600) },
		"certificate": func(path string) error {
			return os.WriteFile(path, []byte("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"), 0o600)
		},
		"cut short": func(path string) error {
			return os.WriteFile(path, []byte("-----BEGIN RSA PRIVATE KEY-----\nAA==\n-----END RSA PRIVATE KEY-----\n"), 0o600)
		},
		"open to others": func(path string) error { return os.WriteFile(path, []byte("x"), 0o604) },
		"a folder":       func(path string) error { return os.Mkdir(path, 0o755) },
		"a FIFO":         func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"dangling":       func(path string) error { return os.Symlink("nowhere", path) },
		"outside":        func(path string) error { return os.Symlink("/etc/hostname", path) },
	} {
		t.Run(name, func(t *testing.T) {
			a := in(t)
			a.sync(Options{}, "example.org", "example.net")
			path := a.path("keys/example.org/mail.private")
			if err := errors.Join(os.Remove(path), put(path)); err != nil {
				t.Fatal(err)
			}
			if name == "open to others" {
				os.Chmod(path, 0o604)
			}
			before, err := os.Lstat(path)
			if err != nil {
				t.Fatal(err)
			}
			r := a.sync(Options{}, "example.org", "example.net")
			d := r.Domains[1]
			if d.State != Refused || d.Made || !strings.Contains(d.Trouble, path) || d.Record.Name != "" {
				t.Errorf("%+v", d)
			}
			a.want("SigningTable", netPat, orgPat)
			a.want("KeyTable", netKey, orgKey)
			after, err := os.Lstat(path)
			if err != nil || after.Mode() != before.Mode() || after.Size() != before.Size() || after.ModTime() != before.ModTime() {
				t.Errorf("was %v, is %v", before, after)
			}
			if names, _ := filepath.Glob(a.path("keys/example.org/.*")); len(names) > 0 {
				t.Errorf("left behind: %q", names)
			}
		})
	}
}

// TestFoldersOfOthers: who may write below keys cannot have a key written
// elsewhere.
func TestFoldersOfOthers(t *testing.T) {
	a := in(t)
	elsewhere := t.TempDir()
	if err := errors.Join(os.Mkdir(a.path("keys"), 0o755), os.Symlink(elsewhere, a.path("keys/example.org"))); err != nil {
		t.Fatal(err)
	}
	if d := a.sync(Options{}, "example.org").Domains[0]; d.State != Refused {
		t.Errorf("%+v", d)
	}
	if names, _ := os.ReadDir(elsewhere); len(names) > 0 {
		t.Errorf("%v", names)
	}
}

func TestCrashLeftovers(t *testing.T) {
	a := in(t)
	a.write("keys/example.org/.mail.private.new", "half a k")
	a.write("KeyTable.postern.new", "half a t")
	a.sync(Options{}, "example.org")
	a.want("KeyTable", orgKey)
	for _, name := range []string{"keys/example.org/.mail.private.new", "KeyTable.postern.new"} {
		if _, err := os.Lstat(a.path(name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestHalfWritten: a run that ends between the tables leaves every name of
// SigningTable in KeyTable.
func TestHalfWritten(t *testing.T) {
	a := in(t)
	a.sync(Options{Selector: "s1"}, "example.org", "example.net")
	if err := os.Mkdir(a.path("SigningTable.postern.new"), 0o755); err != nil { // it cannot be written
		t.Fatal(err)
	}
	if _, err := a.try(Options{Selector: "s2"}, "example.org"); err == nil {
		t.Fatal("no error")
	}
	keys := strings.Join(a.lines("KeyTable"), "\n")
	for _, l := range a.lines("SigningTable") {
		if _, name, _ := strings.Cut(l, " "); !strings.Contains(keys, name) {
			t.Errorf("KeyTable lacks %s: %s", name, keys)
		}
	}
	if err := os.Remove(a.path("SigningTable.postern.new")); err != nil {
		t.Fatal(err)
	}
	a.sync(Options{Selector: "s2"}, "example.org")
	a.want("KeyTable", "s2._domainkey.example.org example.org:s2:DIR/keys/example.org/s2.private")
}

func TestLinkedTable(t *testing.T) {
	a := in(t)
	a.write("real/KeyTable", "a b:c:/d\n")
	if err := os.Symlink("real/KeyTable", a.path("KeyTable")); err != nil {
		t.Fatal(err)
	}
	a.sync(Options{}, "example.org")
	a.want("real/KeyTable", "a b:c:/d", orgKey)
	if info, err := os.Lstat(a.path("KeyTable")); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v %v", info, err)
	}
}

func TestManyAtOnce(t *testing.T) {
	a := in(t)
	var all sync.WaitGroup
	reports := make([]*Report, 8)
	for i := range reports {
		all.Go(func() {
			r, err := a.try(Options{}, "example.org", "example.net")
			if err != nil {
				t.Error(err)
			}
			reports[i] = r
		})
	}
	all.Wait()
	made := 0
	for _, r := range reports {
		for _, d := range r.Domains {
			if d.Made {
				made++
			}
		}
		if r.Domains[0].Record != reports[0].Domains[0].Record {
			t.Error("two keys for one domain")
		}
	}
	if made != 2 {
		t.Errorf("%d keys made", made)
	}
}

func TestLockHeld(t *testing.T) {
	a := in(t)
	unlock, err := lock(t.Context(), a.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Sync(ctx, Options{Dir: a.dir}, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := Sync(ctx, Options{Dir: a.dir, DryRun: true}, nil); err != nil {
		t.Errorf("a dry run waits: %v", err)
	}
}
