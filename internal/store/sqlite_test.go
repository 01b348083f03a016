package store

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestInitSQLite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "odd ?mode=ro #1 %41.db")
	for range 2 { // the second time finds all there
		if err := InitSQLite(path); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o007 != 0 {
		t.Errorf("password hashes for everybody: %v, %v", info.Mode(), err)
	}
	s, err := Open(Options{Driver: "sqlite", Path: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	mustExec(t, s, `INSERT INTO domain (name) VALUES ('x.test')`)
	if err := InitSQLite(path); err != nil {
		t.Error(err)
	}
	if got := loadAll(t, s, "domain"); len(got) != 1 {
		t.Errorf("rows afterwards: %v", got)
	}
	var mode string
	if err := s.DB().Get(&mode, `PRAGMA journal_mode`); err != nil || mode != "wal" {
		t.Errorf("journal %q, %v", mode, err)
	}
}

// TestInitSQLiteKeepsLocks: a store of this process is open meanwhile.
func TestInitSQLiteKeepsLocks(t *testing.T) {
	s := newSQLite(t)
	mustExec(t, s, `INSERT INTO domain (name) VALUES ('x.test')`)
	file, err := os.Open(s.options.Path) // closed at the end: it would end the locks
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	locked := func() bool {
		t.Helper()
		lock := unix.Flock_t{Type: unix.F_WRLCK} // who could write all of it?
		if err := unix.FcntlFlock(file.Fd(), unix.F_OFD_GETLK, &lock); err != nil {
			t.Fatal(err)
		}
		return lock.Type != unix.F_UNLCK
	}
	if !locked() {
		t.Fatal("an open store holds no lock: the test tests nothing")
	}
	if err := InitSQLite(s.options.Path); err != nil {
		t.Fatal(err)
	}
	if !locked() {
		t.Error("the lock of the open store is gone")
	}
}

func TestSQLiteTrouble(t *testing.T) {
	tests := []struct {
		name string
		make func(path string) error
		want string
	}{
		{"no file", func(string) error { return nil }, "cannot be opened: no such file"},
		{"a folder", func(path string) error { return os.Mkdir(path, 0o755) }, "cannot be opened"},
		{"something else", func(path string) error {
			return os.WriteFile(path, []byte(strings.Repeat("From: x\n", 1000)), 0o644)
		}, "is no SQLite database"},
		{"damaged", func(path string) error {
			if err := InitSQLite(path); err != nil {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			clear(text[100:]) // all but the header
			return os.WriteFile(path, text, 0o644)
		}, "is damaged"},
		{"empty", func(path string) error { return os.WriteFile(path, nil, 0o644) }, "no such table: alias (1): load the schema: postern schema --driver sqlite | sqlite3 /"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "postern.db")
			if err := tt.make(path); err != nil {
				t.Fatal(err)
			}
			s, err := Open(Options{Driver: "sqlite", Path: path}, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			rows, err := s.Rows("alias")
			if err != nil {
				t.Fatal(err)
			}
			for _, err := range []error{
				func() error { _, err := rows.Get(t.Context(), "a@x.test"); return err }(),
				rows.Load(t.Context(), func(_, _ []byte) error { return nil }),
			} {
				if err == nil || !strings.Contains(err.Error(), "alias: database: "+path+": ") || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want …%s…", err, tt.want)
				}
			}
		})
	}
	t.Run("no folder", func(t *testing.T) {
		err := InitSQLite(filepath.Join(t.TempDir(), "no", "postern.db"))
		if err == nil || !strings.Contains(err.Error(), "no such file or directory") {
			t.Errorf("got %v", err)
		}
	})
}

// TestSQLiteFull: on a full disk writing fails with a reason, and reading goes on.
func TestSQLiteFull(t *testing.T) {
	s := newSQLite(t, func(o *Options) { o.MaxConnections = 1 })
	mustExec(t, s, `INSERT INTO domain (name) VALUES ('x.test')`)
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	var pages int // a limit of the one connection
	if err := s.DB().Get(&pages, `PRAGMA max_page_count = 1`); err != nil {
		t.Fatal(err)
	}
	_, err := s.Exec(t.Context(), `INSERT INTO api_logs (route, body) VALUES ('x', ?)`, strings.Repeat("x", 1<<20))
	if err == nil || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("a megabyte on a full disk: %v", err)
	}
	if got := loadAll(t, s, "domain"); len(got) != 1 {
		t.Errorf("rows on a full disk: %v", got)
	}
}

// TestSQLiteLocked: somebody else writes for long; readers do not notice, and
// a writer is told.
func TestSQLiteLocked(t *testing.T) {
	s := newSQLite(t, func(o *Options) { o.StatementTimeout = 500 * time.Millisecond })
	mustExec(t, s, `INSERT INTO domain (name) VALUES ('x.test')`)
	other, err := openSQLite(s.options)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	tx, err := other.BeginTxx(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.Exec(`UPDATE domain SET active = 0`); err != nil {
		t.Fatal(err)
	}
	if got := loadAll(t, s, "domain"); got["x.test"][0] != "1" {
		t.Errorf("a reader sees what is not committed: %v", got)
	}
	_, err = s.Exec(t.Context(), `UPDATE domain SET active = 1`)
	if err == nil || !strings.Contains(err.Error(), "locked by another program") {
		t.Errorf("two writers: %v", err)
	}
}
