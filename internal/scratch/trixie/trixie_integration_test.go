//go:build integration

package trixie_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
	"postern/internal/scratch/trixie"
)

func root(t *testing.T) string {
	t.Helper()
	dir, err := trixie.Root(t.Context(), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestMariaDB(t *testing.T) {
	m := scratchtest.MariaDB(t, scratch.MariaDBOptions{Root: root(t)})
	db, err := sql.Open("mysql", m.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var version string
	if err := db.QueryRow("SELECT VERSION()").Scan(&version); err != nil || !strings.HasPrefix(version, "11.8.") {
		t.Fatalf("version %q, %v; want 11.8", version, err)
	}
	script := filepath.Join(t.TempDir(), "schema.sql")
	if err := os.WriteFile(script, []byte("CREATE TABLE t (a INT) COLLATE utf8mb4_uca1400_ai_ci;\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := m.Load(t.Context(), script); err != nil {
		t.Fatal(err)
	}
	if err := m.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := m.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := m.Exec(t.Context(), "INSERT INTO t VALUES (1)"); err != nil {
		t.Fatal(err)
	}
}

func TestPostfix(t *testing.T) {
	for _, chroot := range []bool{false, true} {
		t.Run(map[bool]string{false: "plain", true: "chroot"}[chroot], func(t *testing.T) { sendMail(t, chroot) })
	}
}

// sendMail asks a mysql: table of MariaDB 11.8 on the way.
func sendMail(t *testing.T, chroot bool) {
	m := scratchtest.MariaDB(t, scratch.MariaDBOptions{Root: root(t)})
	if err := m.Exec(t.Context(), "CREATE TABLE alias (address VARCHAR(99), goto VARCHAR(99)); INSERT INTO alias VALUES ('a@example.com', 'b@example.net')"); err != nil {
		t.Fatal(err)
	}
	sink := scratchtest.Sink(t, scratch.SinkOptions{})
	p := scratchtest.Postfix(t, scratch.PostfixOptions{
		Root:   root(t),
		Chroot: chroot,
		Main: map[string]string{
			"relayhost":             sink.Nexthop(),
			"virtual_alias_domains": "example.com",
			"virtual_alias_maps":    "proxy:mysql:$config_directory/alias.cf",
		},
		Files: map[string]string{"alias.cf": "hosts = " + m.Addr() + "\nuser = postern\npassword = secret\ndbname = postern\n" +
			"query = SELECT goto FROM alias WHERE address = '%s'\n"},
	})
	if version, err := p.Postconf(t.Context(), "-h", "mail_version"); err != nil || !strings.HasPrefix(version, "3.10.") {
		t.Fatalf("version %q, %v; want 3.10", version, err)
	}
	replies, err := scratch.Submit(t.Context(), p.Addr(), "s@example.org", []string{"a@example.com"}, "Subject: x\n\nx\n")
	if err != nil || len(scratch.Refusals(replies)) > 0 {
		t.Fatalf("%v\n%s", err, scratch.Transcript(replies))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	messages, err := sink.Wait(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got := messages[0].Recipients[0]; got != "b@example.net" {
		t.Fatalf("recipient %s, want b@example.net", got)
	}
	if log, err := p.Logged(ctx); err != nil || strings.Contains(log, "warning:") {
		t.Errorf("the log has warnings (%v):\n%s", err, log)
	}
}
