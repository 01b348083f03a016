//go:build integration

package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"postern"
	"postern/internal/lookup"
	"postern/internal/scratch"
	"postern/internal/table"
)

// startMariaDB starts a server with the schema, the change feed included.
func startMariaDB(t testing.TB, o scratch.MariaDBOptions) *scratch.MariaDB {
	t.Helper()
	m, err := scratch.StartMariaDB(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Stop() })
	script, err := postern.Schema("mysql")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "schema.sql")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := m.Load(context.Background(), file); err != nil {
		t.Fatal(err)
	}
	return m
}

func optionsOf(m *scratch.MariaDB) Options {
	return Options{Driver: "mysql", Hosts: []string{m.Addr()}, Name: m.Database(), User: m.User(), Password: m.Password()}
}

func openStore(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(o, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func readOne(ctx context.Context, st *Statement, args ...any) (string, error) {
	return Read(ctx, st, func(rows *sqlx.Rows) (value string, err error) {
		for rows.Next() {
			err = rows.Scan(&value)
		}
		return value, err
	}, args...)
}

func TestMariaDBSession(t *testing.T) {
	m := startMariaDB(t, scratch.MariaDBOptions{ExtraArgs: []string{
		"--default-time-zone=+05:00", "--character-set-server=latin1", "--skip-character-set-client-handshake",
	}})
	hosts := map[string]string{"TCP": m.Addr(), "socket": "unix:" + m.Socket()}
	for name, host := range hosts {
		t.Run(name, func(t *testing.T) {
			o := optionsOf(m)
			o.Hosts = []string{host}
			s := openStore(t, o)
			for question, want := range map[string]string{
				"SELECT @@time_zone":                 "+05:00",
				"SELECT @@character_set_client":      "utf8mb4",
				"SELECT @@character_set_results":     "utf8mb4",
				"SELECT @@max_statement_time":        "3",
				"SELECT CONCAT('ä', CHAR_LENGTH(?))": "ä1",
			} {
				var args []any
				if strings.Contains(question, "?") {
					args = []any{"ß"}
				}
				got, err := readOne(t.Context(), s.Prepare(question), args...)
				if err != nil || strings.TrimRight(strings.TrimSuffix(got, ".000000"), " ") != want {
					t.Errorf("%s: %q, %v, want %q", question, got, err, want)
				}
			}
			if _, err := s.Text("SELECT 1; SELECT 2").Query(t.Context()); err == nil {
				t.Error("two statements in one are accepted")
			}
		})
	}
}

func TestMariaDBRefusals(t *testing.T) {
	m := startMariaDB(t, scratch.MariaDBOptions{})
	tests := []struct {
		name   string
		change func(*Options)
		want   string
	}{
		{"password", func(o *Options) { o.Password = "wr0ng-secret" }, "error 1045 (28000): Access denied"},
		{"name", func(o *Options) { o.Name = "other" }, "error 1044"},
		{"charset", func(o *Options) { o.Charset = "klingon" }, "error 1115"},
		{"nobody there", func(o *Options) { o.Hosts = []string{"127.0.0.1:1"} }, "database: host 127.0.0.1:1: connection refused"},
		{"no socket", func(o *Options) { o.Hosts = []string{"unix:/nonexistent/s"} }, "host unix:/nonexistent/s: no such file or directory"},
		{"no such name", func(o *Options) { o.Hosts = []string{"nowhere.invalid"} }, "host nowhere.invalid:3306: "},
		{"no TLS there", func(o *Options) { o.TLS.Enabled = true }, "TLS requested but server does not support TLS"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := optionsOf(m)
			tt.change(&o)
			err := openStore(t, o).Ping(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want …%s…", err, tt.want)
			}
			if lookup.IsPermanent(err) || strings.Contains(err.Error(), "secret") {
				t.Errorf("permanent, or a password: %v", err)
			}
		})
	}
}

func TestMariaDBWithTLS(t *testing.T) {
	m := startMariaDB(t, scratch.MariaDBOptions{TLS: true, ExtraArgs: []string{"--require-secure-transport=ON", "--bind-address=127.0.0.1,127.0.0.2"}})
	other := startMariaDB(t, scratch.MariaDBOptions{TLS: true}) // with an authority of its own
	folder := t.TempDir()
	text, err := os.ReadFile(m.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string][]byte{"1a2b3c4d.0": text, "README": []byte("no certificate")} {
		if err := os.WriteFile(filepath.Join(folder, file), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	yes, no := true, false
	tests := []struct {
		name string
		tls  TLS
		host string
		want string // "" means it works
	}{
		{"none", TLS{}, m.Addr(), "error 1045"}, // the server insists
		{"not checked", TLS{Enabled: true}, m.Addr(), ""},
		{"checked", TLS{Enabled: true, CAFile: m.CAFile()}, m.Addr(), ""},
		{"checked with a folder", TLS{Enabled: true, CADir: folder}, m.Addr(), ""},
		{"other authority", TLS{Enabled: true, CAFile: other.CAFile()}, m.Addr(), "signed by an authority that is not ours"},
		{"other authority, not checked", TLS{Enabled: true, CAFile: other.CAFile(), Verify: &no}, m.Addr(), ""},
		{"system's authorities", TLS{Enabled: true, Verify: &yes}, m.Addr(), "signed by an authority that is not ours"},
		{"other host name", TLS{Enabled: true, CAFile: m.CAFile()}, fmt.Sprintf("127.0.0.2:%d", m.Port()), "127.0.0.2"},
		{"other host name, not checked", TLS{Enabled: true, CAFile: m.CAFile(), Verify: &no}, fmt.Sprintf("127.0.0.2:%d", m.Port()), ""},
		{"unix socket", TLS{Enabled: true, CAFile: m.CAFile()}, "unix:" + m.Socket(), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := optionsOf(m)
			o.TLS, o.Hosts = tt.tls, []string{tt.host}
			cipher, err := readOne(t.Context(), openStore(t, o).Prepare(
				"SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'Ssl_cipher'"))
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want == "" && cipher == "" && !strings.HasPrefix(tt.host, "unix:"):
				t.Error("not encrypted")
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want …%s…", err, tt.want)
			}
		})
	}
}

func TestMariaDBRows(t *testing.T) {
	m := startMariaDB(t, scratch.MariaDBOptions{ExtraArgs: []string{"--default-time-zone=-09:00"}})
	// Older tables let a NULL in.
	if err := m.Exec(t.Context(), "ALTER TABLE alias MODIFY `goto` text NULL; INSERT INTO alias (address, `goto`) VALUES ('null@x.test', NULL)"); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, optionsOf(m))
	for _, row := range oddRows {
		if !row.sqliteOnly {
			mustExec(t, s, row.statement)
		}
	}
	missing := maps.Clone(missing)
	for name, want := range wantRows {
		t.Run(name, func(t *testing.T) {
			checkRows(t, s, name, want)
			rows, err := s.Rows(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range append(missing[name], "null@x.test") {
				if got, err := rows.Get(t.Context(), key); err != nil || len(got) > 0 {
					t.Errorf("get %q: %q, %v", key, got, err)
				}
			}
		})
	}
}

// TestMariaDBFoldAgrees asks for every letter that folding changes: what Load
// delivers under a folded key, Get finds under it.
func TestMariaDBFoldAgrees(t *testing.T) {
	s := openStore(t, optionsOf(startMariaDB(t, scratch.MariaDBOptions{})))
	var letters []string
	for r := rune(0x80); r < 0x20000; r++ {
		if letter := string(r); lookup.Fold(letter) != letter && letter != "\ufffd" {
			letters = append(letters, letter)
		}
	}
	if len(letters) < 1000 {
		t.Fatalf("only %d letters fold", len(letters))
	}
	// What the collations hold to be another letter: an iota subscript, which
	// folds to an iota, and in the older one most letters newer than Unicode 4.
	exempt := map[string]func(letter string) bool{
		"utf8mb4_uca1400_ai_ci": func(letter string) bool {
			return strings.Contains(lookup.Fold(letter), "ι") && letter != "Ι"
		},
		"utf8mb4_unicode_ci": func(letter string) bool { return letter >= "Ȁ" && !isCommon(letter) },
	}
	for collation, exempt := range exempt {
		st := s.Prepare("SELECT CONVERT(? USING utf8mb4) COLLATE " + collation + " = ?")
		for _, letter := range letters {
			equal, err := readOne(t.Context(), st, letter, lookup.Fold(letter))
			if err != nil {
				t.Fatal(err)
			}
			if equal != "1" && !exempt(letter) {
				t.Errorf("%s: %q is not %q", collation, letter, lookup.Fold(letter))
			}
		}
	}
}

// isCommon tells the capitals of living alphabets that any collation knows.
func isCommon(letter string) bool {
	for _, alphabet := range []string{"ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ", "АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯЁ"} {
		if strings.Contains(alphabet, letter) {
			return true
		}
	}
	return false
}

// TestMariaDBConnections: never more than max_connections, and never more
// statements at work, also when those who ask go away (design: the server's
// thread of a statement that nobody waits for runs on).
func TestMariaDBConnections(t *testing.T) {
	m := startMariaDB(t, scratch.MariaDBOptions{})
	watcher := openStore(t, optionsOf(m))
	o := optionsOf(m)
	o.MaxConnections, o.StatementTimeout = 4, time.Second
	s := openStore(t, o)
	slow := s.Prepare("SELECT SLEEP(0.2) + ?")

	ctx, cancel := context.WithCancel(t.Context())
	var most atomic.Int64
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		count := watcher.Prepare("SELECT count(*) FROM information_schema.PROCESSLIST WHERE USER = SUBSTRING_INDEX(USER(), '@', 1) AND ID <> CONNECTION_ID()")
		for ctx.Err() == nil {
			text, err := readOne(t.Context(), count)
			if err != nil {
				t.Error(err)
				return
			}
			var n int64
			fmt.Sscan(text, &n)
			most.Store(max(most.Load(), n))
		}
	}()
	var wg sync.WaitGroup
	var answered, late atomic.Int64
	for i := range 200 {
		wg.Go(func() {
			for range 2 {
				patience, done := context.WithTimeout(ctx, time.Duration(i*10)*time.Millisecond)
				if _, err := readOne(patience, slow, i); err == nil {
					answered.Add(1)
				} else if errors.Is(err, context.DeadlineExceeded) {
					late.Add(1)
				} else {
					t.Error(err)
				}
				done()
			}
		})
	}
	wg.Wait()
	cancel()
	<-watched
	if most.Load() > 4 || most.Load() < 4 {
		t.Errorf("%d connections at once, want 4", most.Load())
	}
	if answered.Load() == 0 || late.Load() == 0 {
		t.Errorf("%d answered, %d late: the test tests nothing", answered.Load(), late.Load())
	}
}

func TestMariaDBStatementTimeout(t *testing.T) {
	o := optionsOf(startMariaDB(t, scratch.MariaDBOptions{}))
	o.StatementTimeout, o.MaxConnections = 100*time.Millisecond, 1
	s := openStore(t, o)
	const endless = "SELECT count(*) FROM seq_1_to_1000000 a, seq_1_to_1000000 b"
	before, err := readOne(t.Context(), s.Prepare("SELECT CONNECTION_ID()"))
	if err != nil {
		t.Fatal(err)
	}
	for name, ask := range map[string]func() error{
		"prepared": func() error { _, err := readOne(t.Context(), s.Prepare(endless)); return err },
		"text": func() error {
			rows, err := s.Text(endless).Query(t.Context())
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				t.Error("a row")
			}
			return s.Error(rows.Err())
		},
	} {
		if err := ask(); err == nil || !strings.Contains(err.Error(), "error 1969") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The server ended it, so the connection is still good.
	if after, err := readOne(t.Context(), s.Prepare("SELECT CONNECTION_ID()")); err != nil || after != before {
		t.Errorf("connection %s, then %s, %v", before, after, err)
	}
}

// TestMariaDBLoadTakesLonger: the limit of a statement is not that of a load,
// and comes back after it.
func TestMariaDBLoadTakesLonger(t *testing.T) {
	m := startMariaDB(t, scratch.MariaDBOptions{})
	o := optionsOf(m)
	o.StatementTimeout, o.MaxConnections = 200*time.Millisecond, 1
	s := openStore(t, o)
	if err := m.Exec(t.Context(), "INSERT INTO alias (address, `goto`) SELECT concat('u', seq), repeat('x', 2000) FROM seq_1_to_2000"); err != nil {
		t.Fatal(err)
	}
	rows, err := s.Rows("alias")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	err = rows.Load(t.Context(), func(_, _ []byte) error {
		if n++; n == 1 {
			time.Sleep(500 * time.Millisecond) // the server waits for us with most of its rows
		}
		return nil
	})
	if err != nil || n != 2000 {
		t.Errorf("%d rows, %v", n, err)
	}
	if limit, err := readOne(t.Context(), s.Prepare("SELECT @@max_statement_time")); err != nil || !strings.HasPrefix(limit, "0.2") {
		t.Errorf("afterwards the limit is %s, %v", limit, err)
	}
}

func TestMariaDBHostsInTurn(t *testing.T) {
	m := startMariaDB(t, scratch.MariaDBOptions{})
	o := optionsOf(m)
	o.Hosts = []string{"127.0.0.1:1", "unix:/nonexistent/s", m.Addr()}
	if err := openStore(t, o).Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestMariaDBKilledUnderLoad: no wrong answer while the server dies and comes
// back, and right ones within two seconds of its return.
func TestMariaDBKilledUnderLoad(t *testing.T) {
	m := startMariaDB(t, scratch.MariaDBOptions{})
	o := optionsOf(m)
	o.MaxConnections = 4
	s := openStore(t, o)
	if err := m.Exec(t.Context(), "INSERT INTO alias (address, `goto`) SELECT concat('u', seq), concat('t', seq) FROM seq_1_to_1000"); err != nil {
		t.Fatal(err)
	}
	rows, err := s.Rows("alias")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var good, bad atomic.Int64
	var lastError atomic.Value
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := worker; ctx.Err() == nil; i++ {
				n := i%1000 + 1
				got, err := rows.Get(t.Context(), fmt.Sprint("u", n))
				switch {
				case err != nil:
					bad.Add(1)
					lastError.Store(err)
				case !slices.Equal(got, []string{fmt.Sprint("t", n)}):
					t.Errorf("u%d leads to %q", n, got)
				default:
					good.Add(1)
				}
			}
		})
	}
	defer wg.Wait()
	defer cancel()
	for round := range 2 {
		waitFor(t, "answers", &good)
		if err := m.Kill(); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "errors", &bad)
		if err, _ := lastError.Load().(error); !strings.Contains(err.Error(), m.Addr()) && !strings.Contains(err.Error(), "connection lost") {
			t.Errorf("error %v", err)
		}
		if err := m.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		back := time.Now()
		waitFor(t, "answers", &good)
		if took := time.Since(back); took > 2*time.Second {
			t.Errorf("round %d: first answer %v after the server was back", round, took)
		}
	}
}

func waitFor(t *testing.T, what string, counter *atomic.Int64) {
	t.Helper()
	start := counter.Load()
	for end := time.Now().Add(20 * time.Second); counter.Load() < start+100; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s for 20 s", what)
		}
	}
}

// TestMariaDBRestartedWhileIdle: who asks next does not notice.
func TestMariaDBRestartedWhileIdle(t *testing.T) {
	m := startMariaDB(t, scratch.MariaDBOptions{})
	s := openStore(t, optionsOf(m))
	st := s.Prepare("SELECT ?")
	if _, err := readOne(t.Context(), st, "x"); err != nil {
		t.Fatal(err)
	}
	if err := m.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := readOne(t.Context(), st, "x"); err != nil || got != "x" {
		t.Errorf("after a restart: %q, %v", got, err)
	}
	// A connection that dies in the middle of its statement is replaced too.
	killed := make(chan error)
	go func() {
		_, err := readOne(t.Context(), s.Prepare("SELECT SLEEP(0.5)"))
		killed <- err
	}()
	kill := fmt.Sprintf("BEGIN NOT ATOMIC FOR p IN (SELECT ID FROM information_schema.PROCESSLIST WHERE USER = '%s') DO KILL p.ID; END FOR; END", m.User())
	time.Sleep(100 * time.Millisecond)
	if err := m.Exec(t.Context(), kill); err != nil {
		t.Fatal(err)
	}
	if err := <-killed; err != nil {
		t.Errorf("killed connection: %v", err)
	}
}

// TestMariaDBHangs: a server that is stopped in the middle costs a statement's
// time, and no more.
func TestMariaDBHangs(t *testing.T) {
	m := startMariaDB(t, scratch.MariaDBOptions{})
	o := optionsOf(m)
	o.StatementTimeout, o.ConnectTimeout, o.MaxConnections = 300*time.Millisecond, 300*time.Millisecond, 2
	s := openStore(t, o)
	st := s.Prepare("SELECT ?")
	if _, err := readOne(t.Context(), st, "x"); err != nil {
		t.Fatal(err)
	}
	if err := m.Pause(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); ; { // all of its threads stop in a while
		if _, err := readOne(t.Context(), st, "x"); err != nil || time.Now().After(end) {
			break
		}
	}
	for _, what := range []string{"kept connection", "new connection"} {
		start := time.Now()
		_, err := readOne(t.Context(), st, "x")
		if err == nil || !strings.Contains(err.Error(), "no answer in time") {
			t.Errorf("%s: %v", what, err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: %v", what, took)
		}
	}
	if err := m.Resume(); err != nil {
		t.Fatal(err)
	}
	if got, err := readOne(t.Context(), st, "x"); err != nil || got != "x" {
		t.Errorf("after it went on: %q, %v", got, err)
	}
}

func TestMariaDBDroppedTable(t *testing.T) {
	m := startMariaDB(t, scratch.MariaDBOptions{})
	s := openStore(t, optionsOf(m))
	rows, err := s.Rows("alias")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rows.Get(t.Context(), "a@x.test"); err != nil {
		t.Fatal(err)
	}
	if err := m.Exec(t.Context(), "DROP TABLE alias"); err != nil {
		t.Fatal(err)
	}
	if got, err := rows.Get(t.Context(), "a@x.test"); !MissingTable(err) {
		t.Errorf("get: %q, %v", got, err)
	}
	if err := rows.Load(t.Context(), func(_, _ []byte) error { return nil }); !MissingTable(err) {
		t.Errorf("load: %v", err)
	}
	if up := s.metrics.up(); up != 1 {
		t.Errorf("a server that answers counts as %v", up)
	}
	if err := m.Load(t.Context(), "../../__db/alias.sql"); err != nil {
		t.Fatal(err)
	}
	if got, err := rows.Get(t.Context(), "a@x.test"); err != nil || len(got) > 0 {
		t.Errorf("restored and empty: %q, %v", got, err)
	}
}

// TestMariaDBFeedLooksBack: a position begins with the last change from before
// the window, whatever the time zone.
func TestMariaDBFeedLooksBack(t *testing.T) {
	s := openStore(t, optionsOf(startMariaDB(t, scratch.MariaDBOptions{ExtraArgs: []string{"--default-time-zone=+05:00"}})))
	mustExec(t, s, `INSERT INTO postern_change (seq, at, tbl, k) VALUES
		(3, NOW(6) - INTERVAL 1 DAY, 'alias', 'a'), (5, NOW(6) - INTERVAL 62 SECOND, 'alias', 'b'),
		(7, NOW(6) - INTERVAL 50 SECOND, 'alias', 'c')`)
	feed, err := s.Feed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := feed.Changes(t.Context()); len(got) > 0 || err != nil || feed.floor != 5 || feed.highest != 7 {
		t.Errorf("%v, %v, floor %d, highest %d", got, err, feed.floor, feed.highest)
	}
}

// TestMariaDBFeedOverlaps: transactions commit in another order than that of
// their numbers, and none is lost; a feed that was away finds all.
func TestMariaDBFeedOverlaps(t *testing.T) {
	s := openStore(t, optionsOf(startMariaDB(t, scratch.MariaDBOptions{})))
	feed, err := s.Feed(t.Context())
	if err != nil || feed == nil {
		t.Fatalf("%v, %v", feed, err)
	}
	got := map[string]int{}
	poll := func() {
		t.Helper()
		changes, err := feed.Changes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range changes {
			got[c.Table+" "+c.Key]++
		}
	}
	poll()
	slow, err := s.DB().BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Rollback()
	if _, err := slow.Exec("INSERT INTO domain (name) VALUES ('Slow.test')"); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 50 {
				if err := writeSlowly(s, fmt.Sprintf("w%d-%d.test", worker, i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	finished := make(chan struct{})
	go func() { wg.Wait(); close(finished) }()
	for done := false; !done; {
		select {
		case <-finished:
			done = true
		default:
		}
		poll()
	}
	if got["domain slow.test"] != 0 {
		t.Error("a change before its commit")
	}
	if err := slow.Commit(); err != nil {
		t.Fatal(err)
	}
	poll()
	if len(got) != 201 || got["domain slow.test"] != 1 {
		t.Errorf("%d changes, want 201; the slow one came %d times", len(got), got["domain slow.test"])
	}
	for key, n := range got {
		if n != 1 {
			t.Errorf("%s came %d times", key, n)
		}
	}
}

// writeSlowly commits a row some time after its number was given.
func writeSlowly(s *Store, name string) error {
	tx, err := s.DB().BeginTxx(context.Background(), nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.Exec("INSERT INTO domain (name) VALUES (?)", name); err != nil {
		return err
	}
	if _, err := tx.Exec("SELECT SLEEP(RAND() / 50)"); err != nil {
		return err
	}
	return tx.Commit()
}

func TestMariaDBFeedInstallation(t *testing.T) {
	m := startMariaDB(t, scratch.MariaDBOptions{})
	s := openStore(t, optionsOf(m))
	// Who may only read sees no triggers, and follows all the same.
	err := m.Exec(t.Context(), "CREATE USER reader@'%' IDENTIFIED BY 'r'; GRANT SELECT ON "+m.Database()+".* TO reader@'%'")
	if err != nil {
		t.Fatal(err)
	}
	o := optionsOf(m)
	o.User, o.Password = "reader", "r"
	reader := openStore(t, o)
	feed, err := reader.Feed(t.Context())
	if err != nil || feed == nil {
		t.Fatalf("with SELECT alone: %v, %v", feed, err)
	}
	if _, err := feed.Changes(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustExec(t, s, "INSERT INTO domain (name) VALUES ('X.test')")
	if got, err := feed.Changes(t.Context()); err != nil || !slices.Equal(got, []table.Change{{Table: "domain", Key: "x.test"}}) {
		t.Errorf("%v, %v", got, err)
	}
	mustExec(t, s, "DROP TRIGGER postern_alias_delete")
	if _, err := s.Feed(t.Context()); err == nil || !strings.Contains(err.Error(), "14 of 15") {
		t.Errorf("without one trigger: %v", err)
	}
	for _, name := range []string{"alias", "alias_handle", "domain", "smtp_sender_acl", "api_bans"} {
		for _, event := range []string{"insert", "update", "delete"} {
			mustExec(t, s, "DROP TRIGGER IF EXISTS postern_"+name+"_"+event)
		}
	}
	if _, err := s.Feed(t.Context()); err == nil || !strings.Contains(err.Error(), "0 of 15") {
		t.Errorf("without any trigger: %v", err)
	}
	mustExec(t, s, "DROP TABLE postern_change")
	if none, err := s.Feed(t.Context()); none != nil || err != nil {
		t.Errorf("without the table: %v, %v", none, err)
	}
	if _, err := feed.Changes(t.Context()); !errors.Is(err, table.ErrNoFeed) {
		t.Errorf("removed under way: %v", err)
	}
}

func TestMariaDBLoadEnds(t *testing.T) {
	m := startMariaDB(t, scratch.MariaDBOptions{})
	s := openStore(t, optionsOf(m))
	if err := m.Exec(t.Context(), "INSERT INTO alias (address, `goto`) SELECT concat('u', seq), repeat('x', 200) FROM seq_1_to_50000"); err != nil {
		t.Fatal(err)
	}
	rows, err := s.Rows("alias")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	err = rows.Load(ctx, func(_, _ []byte) error { n++; cancel(); return nil })
	if !errors.Is(err, context.Canceled) || n > 10_000 {
		t.Errorf("with its context, after %d rows: %v", n, err)
	}
	full := errors.New("no room")
	if err := rows.Load(t.Context(), func(_, _ []byte) error { return full }); err != full {
		t.Errorf("with the error of emit: %v", err)
	}
	if got := loadAll(t, s, "alias"); len(got) != 50000 {
		t.Errorf("afterwards %d rows", len(got))
	}
}
