//go:build integration

package scratch_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"postern/internal/scratch"
)

func startMariaDB(t *testing.T, opts scratch.MariaDBOptions) *scratch.MariaDB {
	t.Helper()
	m, err := scratch.StartMariaDB(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Stop(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func openDB(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestMariaDBLife(t *testing.T) {
	ctx := t.Context()
	began := time.Now()
	m := startMariaDB(t, scratch.MariaDBOptions{Password: `o'ne\two`})
	t.Logf("started in %s", time.Since(began))
	if err := m.Exec(ctx, "CREATE TABLE t (a INT PRIMARY KEY); INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)"); err != nil {
		t.Fatal(err)
	}
	db := openDB(t, m.DSN())
	count := func() (n int, err error) {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		return n, db.QueryRowContext(ctx, "SELECT COUNT(*) FROM t").Scan(&n)
	}
	if n, err := count(); n != 2 || err != nil {
		t.Fatalf("rows = %d, %v; want 2", n, err)
	}
	before := m.Pid()
	if err := m.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := count(); err == nil {
		t.Fatal("a killed server answers")
	}
	if err := m.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if n, err := count(); n != 2 || err != nil || m.Pid() == before {
		t.Fatalf("after restart: rows = %d, %v, pid %d; want 2 and another pid than %d", n, err, m.Pid(), before)
	}
	if err := m.Restart(ctx); err != nil {
		t.Fatalf("restart of a running server: %v", err)
	}
}

func TestMariaDBPause(t *testing.T) {
	m := startMariaDB(t, scratch.MariaDBOptions{})
	db := openDB(t, m.DSN())
	if err := m.Pause(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := db.PingContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("ping of a paused server: %v; want no answer", err)
	}
	if err := m.Resume(); err != nil {
		t.Fatal(err)
	}
	if err := db.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := m.Pause(); err != nil { // Stop must manage with a paused server
		t.Fatal(err)
	}
	pid := m.Pid()
	for range 2 {
		if err := m.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Fatalf("process %d after Stop: %v; want gone", pid, err)
	}
	if _, err := os.Stat(filepath.Dir(m.Socket())); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("folder after Stop: %v; want gone", err)
	}
	if err := m.Restart(t.Context()); err == nil {
		t.Fatal("restart after Stop worked")
	}
}

func TestMariaDBKeepsDir(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "keep-") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	first := startMariaDB(t, scratch.MariaDBOptions{Dir: dir})
	if err := first.Exec(t.Context(), "CREATE TABLE kept (a INT)"); err != nil {
		t.Fatal(err)
	}
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	second := startMariaDB(t, scratch.MariaDBOptions{Dir: dir})
	if err := second.Exec(t.Context(), "INSERT INTO kept VALUES (1)"); err != nil {
		t.Fatal(err)
	}
}

func TestMariaDBLoad(t *testing.T) {
	m := startMariaDB(t, scratch.MariaDBOptions{Database: "odd`name"})
	file := filepath.Join(t.TempDir(), "schema.sql")
	script := "CREATE TABLE t (a INT);\nDELIMITER //\nCREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW BEGIN SET NEW.a = 7; END//\nDELIMITER ;\nINSERT INTO t VALUES (1);\n"
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := m.Load(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	var a int
	if err := openDB(t, m.DSN()).QueryRow("SELECT a FROM t").Scan(&a); a != 7 || err != nil {
		t.Fatalf("a = %d, %v; want 7 by the trigger", a, err)
	}
	if err := os.WriteFile(file, []byte("SELEC 1;"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := m.Load(t.Context(), file); err == nil || !strings.Contains(err.Error(), "syntax") {
		t.Fatalf("bad SQL: %v; want the client's message", err)
	}
}

func TestMariaDBWithTLS(t *testing.T) {
	m := startMariaDB(t, scratch.MariaDBOptions{TLS: true, ExtraArgs: []string{"--require-secure-transport=on"}})
	if err := openDB(t, m.DSN()).Ping(); err == nil {
		t.Fatal("a connection without TLS was taken")
	}
	pool := x509.NewCertPool()
	pem, err := os.ReadFile(m.CAFile())
	if err != nil || !pool.AppendCertsFromPEM(pem) {
		t.Fatalf("authority %s: %v", pem, err)
	}
	cfg, err := mysql.ParseDSN(m.DSN())
	if err != nil {
		t.Fatal(err)
	}
	cfg.TLS = &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	if err := db.Ping(); err != nil {
		t.Fatal(err)
	}
}

func TestMariaDBThatCannotStart(t *testing.T) {
	_, err := scratch.StartMariaDB(t.Context(), scratch.MariaDBOptions{ExtraArgs: []string{"--no-such-option"}})
	if err == nil || !strings.Contains(err.Error(), "no-such-option") {
		t.Fatalf("err = %v; want the server's own words", err)
	}
}
