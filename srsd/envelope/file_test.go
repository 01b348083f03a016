package envelope

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
)

// plainly opens a file with SQL alone, as PostSRSd and sqlite3(1) do.
func plainly(t testing.TB, path string) *sqlx.DB {
	t.Helper()
	db, err := sqlx.Open("sqlite", path+"?_busy_timeout=10000")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	return db
}

func execute(t testing.TB, db *sqlx.DB, statement string, arguments ...any) {
	t.Helper()
	if _, err := db.Exec(statement, arguments...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// fails checks an operation's error, and that it is temporary.
func fails(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v; want %q", err, want)
	}
}

// written waits for the upkeep that Open begins.
func written(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not in 10 s: " + what)
		}
	}
}

const postsrsdFile = `
CREATE TABLE kv (k TEXT NOT NULL UNIQUE ON CONFLICT REPLACE,v TEXT NOT NULL,lt INTEGER NOT NULL);
CREATE INDEX ltidx ON kv (lt);
INSERT INTO kv (k, v, lt) VALUES
	('DCJGDE6N24LCRT41A4T0G1UIF0DTKKQJ@1', 'test@otherdomain.com', 1577836860 + 1814400),
	('BV16RJ82ESKOQEC793N6BMA0P90HAN05@1', 'Test@otherdomain.com', 1577836860 - 1),
	('L6CJSDI70Q0MLEHU4LONGK62DIED1M4T@1', '', 1577836860 + 1814400)`

// TestPostSRSdFile: a database that PostSRSd has made is gone on with.
func TestPostSRSdFile(t *testing.T) {
	for _, test := range []struct {
		name    string
		exact   bool
		journal string
	}{
		{"native", false, "delete"},
		{"exact", true, "delete"},
		{"native, write-ahead log", false, "wal"},
		{"exact, write-ahead log", true, "wal"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "senders.db")
			theirs := plainly(t, path)
			execute(t, theirs, postsrsdFile)
			execute(t, theirs, "PRAGMA journal_mode="+test.journal)
			c := newClock()
			s := subject{open(t, "sqlite:"+path, Options{Now: c.Now, Exact: test.exact}), c.add}
			s.gives(t, "dcjgde6n24lcrt41a4t0g1uif0dtkkqj", "test@otherdomain.com")
			s.gives(t, Alias("Test@otherdomain.com"), "")
			s.gives(t, Alias("abc"), "")
			db := plainly(t, path)
			written(t, "the expired row is deleted", func() bool {
				var n int
				return db.Get(&n, "SELECT count(*) FROM kv") == nil && n == 2
			})
			var mode string
			if err := db.Get(&mode, "PRAGMA journal_mode"); err != nil || mode != test.journal {
				t.Errorf("journal %s, %v; want %s", mode, err, test.journal)
			}
		})
	}
}

// TestLayout: what is written is what PostSRSd writes.
func TestLayout(t *testing.T) {
	const born = 1577836860
	for _, test := range []struct {
		name   string
		exact  bool
		expiry int64
	}{
		{"native", false, born + 24*86400},
		{"exact", true, born + 1814400},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "senders.db")
			c := newClock()
			s := subject{open(t, "sqlite:"+path, Options{Now: c.Now, Exact: test.exact}), c.add}
			s.put(t, "test@otherdomain.com")
			db := plainly(t, path)
			var rows []struct {
				K, V, Kind string
				Lt         int64
			}
			if err := db.Select(&rows, "SELECT k, v, lt, typeof(k) || typeof(v) || typeof(lt) AS kind FROM kv"); err != nil {
				t.Fatal(err)
			}
			if got, want := fmt.Sprint(rows), fmt.Sprintf("[{DCJGDE6N24LCRT41A4T0G1UIF0DTKKQJ@1 test@otherdomain.com texttextinteger %d}]", test.expiry); got != want {
				t.Errorf("%s, want %s", got, want)
			}
			var made, theirs []string
			for at, into := range map[*sqlx.DB]*[]string{db: &made, plainly(t, theirFile(t)): &theirs} {
				if err := at.Select(into, "SELECT name || ' ' || tbl_name || ' ' || replace(replace(coalesce(sql, ''), ' ', ''), 'IFNOTEXISTS', '') FROM sqlite_master ORDER BY name"); err != nil {
					t.Fatal(err)
				}
			}
			if fmt.Sprint(made) != fmt.Sprint(theirs) || len(made) != 3 {
				t.Errorf("tables %q, PostSRSd's are %q", made, theirs)
			}
		})
	}
}

func theirFile(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "theirs.db")
	execute(t, plainly(t, path), postsrsdFile)
	return path
}

// TestGoingBack: PostSRSd, which knows nothing of us, reads and writes the file
// while we have it open and after.
func TestGoingBack(t *testing.T) {
	for _, exact := range []bool{false, true} {
		t.Run(fmt.Sprintf("exact %v", exact), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "senders.db")
			s := subject{Store: open(t, "sqlite:"+path, Options{Exact: exact})}
			s.put(t, "ours@example.com")
			theirs := plainly(t, path)
			for _, address := range []string{"theirs@example.com", "later@example.com"} {
				var v string
				if err := theirs.Get(&v, "SELECT v FROM kv WHERE k = ?", Alias("ours@example.com")+"@1"); err != nil || v != "ours@example.com" {
					t.Errorf("%q, %v", v, err)
				}
				for range 2 {
					execute(t, theirs, "INSERT INTO kv (k, v, lt) VALUES (?, ?, ?)", Alias(address)+"@1", address, time.Now().Unix()+1814400)
				}
				s.Close()
				s = subject{Store: open(t, "sqlite:"+path, Options{Exact: exact})}
				s.gives(t, Alias(address), address)
			}
			theirs.Close()
			s.Close()
			left, err := filepath.Glob(path + "*")
			if err != nil || len(left) != 1 {
				t.Errorf("left over: %q, %v", left, err)
			}
		})
	}
}

func TestExactExpiry(t *testing.T) {
	path := filepath.Join(t.TempDir(), "senders.db")
	c := newClock()
	s := subject{open(t, "sqlite:"+path, Options{Now: c.Now, Exact: true}), c.add}
	s.put(t, "old@example.com")
	s.pass(time.Second)
	s.put(t, "young@example.com")
	s.pass(21*24*time.Hour - time.Second)
	s.gives(t, Alias("old@example.com"), "old@example.com") // over, but reads do not look
	if err := s.tend(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.gives(t, Alias("old@example.com"), "old@example.com")
	s.Close()
	s = subject{open(t, "sqlite:"+path, Options{Now: c.Now, Exact: true}), c.add}
	s.gives(t, Alias("old@example.com"), "")
	s.gives(t, Alias("young@example.com"), "young@example.com")
}

func TestNewFileIsPrivate(t *testing.T) {
	for _, exact := range []bool{false, true} {
		dir := t.TempDir()
		s := subject{Store: open(t, "sqlite:"+filepath.Join(dir, "senders.db"), Options{Exact: exact})}
		s.put(t, "a@b.c")
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) == 0 {
			t.Fatal(entries, err)
		}
		for _, e := range entries {
			if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
			}
		}
	}
}

func TestReadableFileIsNoticed(t *testing.T) {
	path := theirFile(t)
	for mode, want := range map[os.FileMode]string{0o644: "every user of this host can read", 0o640: ""} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		open(t, "sqlite:"+path, Options{Exact: true, Log: slog.New(slog.NewTextHandler(&log, nil))}).Close()
		if got := log.String(); !strings.Contains(got, want) || (want == "" && got != "") {
			t.Errorf("%v: %q", mode, got)
		}
	}
}

func TestStrangePaths(t *testing.T) {
	for _, name := range []string{"a b.db", "a?mode=memory", "a#b", "100%41", "ä.db", "a;b'c\"d", "-"} {
		dir := t.TempDir()
		s := subject{Store: open(t, "sqlite:"+filepath.Join(dir, name), Options{Exact: true})}
		s.put(t, "a@b.c")
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 || entries[0].Name() != name {
			t.Errorf("%s: %v, %v", name, entries, err)
		}
	}
}
