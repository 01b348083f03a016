package envelope

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestOpenFileRefused(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	foreign, old := filepath.Join(dir, "foreign.db"), filepath.Join(dir, "old.db")
	execute(t, plainly(t, foreign), "CREATE TABLE kv (key TEXT, value TEXT)")
	execute(t, plainly(t, old), postsrsdFile)
	good, err := os.ReadFile(old)
	if err != nil {
		t.Fatal(err)
	}
	copy(good[100:], bytes.Repeat([]byte{0xff}, 200))
	for _, test := range []struct{ name, path, want string }{
		{"no folder", filepath.Join(dir, "none", "senders.db"), "there is no folder " + dir + "/none: make it"},
		{"a file for a folder", filepath.Join(write("plain", nil), "senders.db"), "not a directory"},
		{"a folder for a file", dir, "cannot be opened"},
		{"dangling link", link(t, filepath.Join(dir, "nowhere", "x"), filepath.Join(dir, "link")), "there is no folder"},
		{"no database", write("text", bytes.Repeat([]byte("text\n"), 1000)), "no SQLite database: restore it"},
		{"damaged", write("damaged", good), "damaged: restore it"},
		{"another table kv", foreign, "not that of PostSRSd: name another file"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := Open(t.Context(), "sqlite:"+test.path, Options{})
			if err == nil {
				s.Close()
			}
			fails(t, err, test.want)
		})
	}
}

func link(t *testing.T, to, path string) string {
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestLockedFile: while another program holds the file an operation is in
// trouble after its time, never "not found"; afterwards it works.
func TestLockedFile(t *testing.T) {
	const address = "test@otherdomain.com"
	path := filepath.Join(t.TempDir(), "senders.db")
	o := Options{Timeout: time.Second}
	s := subject{Store: open(t, "sqlite:"+path, o)}
	s.put(t, address)
	other := plainly(t, path)
	execute(t, other, "BEGIN EXCLUSIVE")
	for name, do := range map[string]func() error{
		"put":   func() error { return s.Put(t.Context(), Alias("x@y"), "x@y") },
		"get":   func() error { _, _, err := s.Get(t.Context(), Alias(address)); return err },
		"ping":  func() error { return s.Ping(t.Context()) },
		"count": func() error { _, err := s.Len(t.Context()); return err },
	} {
		began := time.Now()
		fails(t, do(), "envelope store: "+name+": the file is locked by another program")
		if d := time.Since(began); d < o.Timeout/2 || d > 20*o.Timeout {
			t.Errorf("%s: given up after %v, the limit is %v", name, d, o.Timeout)
		}
	}
	t.Run("opened meanwhile", func(t *testing.T) {
		var log bytes.Buffer
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
		late := subject{Store: open(t, "sqlite:"+path, o)}
		if !strings.Contains(log.String(), "locked by another program") {
			t.Errorf("log: %q", log.String())
		}
		execute(t, other, "ROLLBACK")
		late.gives(t, Alias(address), address)
		late.put(t, "late@example.com")
	})
	s.gives(t, Alias(address), address)
	s.gives(t, Alias("x@y"), "")
	s.put(t, "x@y")
}

// TestLockIsWaitedFor: a lock that ends in time is no trouble.
func TestLockIsWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "senders.db")
	s := subject{Store: open(t, "sqlite:"+path, Options{Timeout: 20 * time.Second})}
	other := plainly(t, path)
	execute(t, other, "BEGIN IMMEDIATE")
	done := make(chan error)
	go func() { done <- s.Put(context.Background(), Alias("x@y"), "x@y") }()
	s.gives(t, Alias("x@y"), "") // readers do not wait
	execute(t, other, "COMMIT")
	if err := <-done; err != nil {
		t.Error(err)
	}
	s.gives(t, Alias("x@y"), "x@y")
}

// TestFileTakenAway: what is written to a file without a name would be lost.
func TestFileTakenAway(t *testing.T) {
	const address = "test@otherdomain.com"
	for _, exact := range []bool{false, true} {
		t.Run(fmt.Sprintf("exact %v", exact), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "senders.db")
			c := newClock()
			s := subject{open(t, "sqlite:"+path, Options{Exact: exact, Now: c.Now}), c.add}
			s.put(t, address)
			if err := os.Rename(path, path+".away"); err != nil {
				t.Fatal(err)
			}
			fails(t, s.Put(t.Context(), Alias(address), address), "put: the file is gone")
			_, found, err := s.Get(t.Context(), Alias(address))
			fails(t, err, "get: the file is gone")
			if found {
				t.Error("found")
			}
			if err := os.Rename(path+".away", path); err != nil {
				t.Fatal(err)
			}
			s.gives(t, Alias(address), address)

			if err := os.WriteFile(path+".new", []byte(strings.Repeat("no database", 100)), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(path+".new", path); err != nil {
				t.Fatal(err)
			}
			_, _, err = s.Get(t.Context(), Alias(address))
			fails(t, err, "get: the file is no SQLite database")
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			execute(t, plainly(t, path), postsrsdFile)
			s.gives(t, Alias(address), address)
			s.put(t, "new@example.com")
			s.gives(t, Alias("new@example.com"), "new@example.com")
		})
	}
}

// TestReload: the next store is opened on a file before the last is closed.
func TestReload(t *testing.T) {
	for _, exact := range []bool{false, true} {
		at := "sqlite:" + filepath.Join(t.TempDir(), "senders.db")
		s := subject{Store: open(t, at, Options{Exact: exact})}
		for i := range 5 {
			address := fmt.Sprintf("%d@example.com", i)
			s.put(t, address)
			next := subject{Store: open(t, at, Options{Exact: exact})}
			next.put(t, "next"+address)
			s.put(t, "last"+address)
			s.Close()
			s = next
			for _, address := range []string{address, "next" + address, "last" + address} {
				s.gives(t, Alias(address), address)
			}
		}
	}
}
