//go:build integration

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
)

// migrateRows has one row for each difference that is meant.
const migrateRows = `
INSERT INTO domain (name, active) VALUES ('example.org', 1), ('example.net', 1), ('gone.test', 0);
INSERT INTO alias (address, goto, active) VALUES
  ('info@example.org', 'someone@example.com', 1), ('old@gone.test', 'someone@example.com', 1),
  ('loop@example.org', 'loop@example.net', 1), ('loop@example.net', 'loop@example.org', 1);
INSERT INTO alias_handle (handle, address, active) VALUES ('jane', 'jane@example.com', 1), ('admin', 'boss@example.com', 1);
INSERT INTO smtp_sender_acl (login, sender, active) VALUES ('a', 'info@example.org', 1), ('b', 'info@example.org', 1);
INSERT INTO api_bans (ban_type, ban_value, reason, created_at) VALUES ('domain', 'banned.test', 'spam', NOW());
`

// migrateHost is a Postfix configuration on mysql: tables of the database.
func migrateHost(t *testing.T, db *scratch.MariaDB) string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{
		"main.cf": `compatibility_level = 3.6
mydestination =
recipient_delimiter = +
virtual_alias_maps = mysql:DIR/handles.cf, mysql:DIR/aliases.cf
transport_maps = proxy:mysql:DIR/banned.cf
smtpd_sender_login_maps = mysql:DIR/logins.cf
smtpd_recipient_restrictions = permit_mynetworks, check_recipient_access mysql:DIR/more.cf, reject
`,
		"master.cf": `smtp      inet  n       -       y       -       -       smtpd
cleanup   unix  n       -       y       -       0       cleanup
rewrite   unix  -       -       y       -       -       trivial-rewrite
proxymap  unix  -       -       n       -       -       proxymap
`,
		"handles.cf": "SELECT address FROM alias_handle WHERE handle='%u' AND active=1",
		"aliases.cf": "SELECT goto FROM alias WHERE address='%s' AND active=1",
		"logins.cf":  "SELECT login FROM smtp_sender_acl WHERE sender='%s' AND active=1 LIMIT 1",
		"banned.cf": "SELECT CONCAT('error:5.7.1 Domain banned. ', COALESCE(reason, '')) FROM api_bans WHERE ban_type='domain'" +
			" AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > NOW()) AND ('%s'=ban_value OR '%s' LIKE ban_pattern) LIMIT 1",
		"more.cf": "SELECT 'OK' FROM alias WHERE address='%s' AND goto LIKE '%%@example.com'",
	}
	for name, text := range files {
		if strings.HasSuffix(name, ".cf") && strings.HasPrefix(text, "SELECT") {
			text = fmt.Sprintf("hosts = %s\nuser = %s\npassword = %s\ndbname = %s\nquery = %s\n", db.Addr(), db.User(), db.Password(), db.Database(), text)
		}
		text = strings.ReplaceAll(text, "DIR", dir)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestMigrate is the command against a database, from the first look to the
// second run.
func TestMigrate(t *testing.T) {
	db := scratchtest.Database(t, scratch.MariaDBOptions{})
	if err := db.Exec(t.Context(), migrateRows); err != nil {
		t.Fatal(err)
	}
	dir := migrateHost(t, db)
	file := filepath.Join(dir, "new", "postern.yaml")
	mail := filepath.Join(dir, "mail.log")
	log := "2026-01-02T03:04:05+00:00 mx postfix/smtp[7]: 4XYZab1cdEz1: to=<jane+tag@example.org>, relay=none, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (ok)\n"
	if err := os.WriteFile(mail, []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	migrate := func(want int, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		args = append([]string{"migrate", "--postfix", dir, "--config", file}, args...)
		if status := run(context.Background(), args, nil, &out, &out); status != want {
			t.Fatalf("%v: status %d, want %d: %s", args, status, want, &out)
		}
		if strings.Contains(out.String(), db.Password()+"\n") {
			t.Errorf("the password is in the output: %s", &out)
		}
		return out.String()
	}
	main, _ := os.ReadFile(filepath.Join(dir, "main.cf"))

	first := migrate(0, "--log", mail)
	for _, want := range []string{
		"reserved_handles_allow: [admin]", "0 of them without a known reason", "leads in a circle",
		"the domain has no active row in table domain", "a sender may belong to several logins",
		"destination: [domain]", "more: {cf: ", "virtual_alias_domains = socketmap:unix:postern/socketmap:virtual-domains",
		"postconf -c " + dir + " -X", "check_policy_service { unix:postern/policy, policy_context=gate",
	} {
		if !strings.Contains(first, want) {
			t.Errorf("the plan lacks %q:\n%s", want, first)
		}
	}
	if now, _ := os.ReadFile(filepath.Join(dir, "main.cf")); !bytes.Equal(main, now) {
		t.Errorf("main.cf was changed without --apply: %s", now)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("postern.yaml was written without --apply")
	}
	var said bytes.Buffer
	args := []string{"migrate", "--postfix", dir, "--config", file, "--apply"}
	if status := run(context.Background(), args, nil, fullDisk{}, &said); status != 75 || said.String() != "postern: migrate: nothing was changed: print: no space left on device\n" {
		t.Errorf("with a plan that nobody can read: status %d: %s", status, &said)
	}
	if now, _ := os.ReadFile(filepath.Join(dir, "main.cf")); !bytes.Equal(main, now) {
		t.Errorf("main.cf was changed, and the way back is not told: %s", now)
	}
	if out := migrate(0, "--prepare"); !strings.Contains(out, "# now run:\ninstall -d -o postern") {
		t.Errorf("after --prepare: %s", out)
	}
	if now, _ := os.ReadFile(filepath.Join(dir, "main.cf")); !bytes.Equal(main, now) {
		t.Errorf("main.cf was changed by --prepare: %s", now)
	}
	if out := migrate(0, "--apply"); !strings.Contains(out, "systemctl enable --now postern") || !strings.Contains(out, "# kept: "+filepath.Join(dir, "main.cf.before-postern-")) {
		t.Errorf("after --apply: %s", out)
	}
	var answer bytes.Buffer
	if status := run(context.Background(), []string{"query", "--config", file, "virtual", "jane+x@example.org"}, nil, &answer, &answer); status != 0 || answer.String() != "jane+x@example.com\n" {
		t.Errorf("query with the written configuration: status %d: %s", status, &answer)
	}
	if out := migrate(0, "--apply"); !strings.Contains(out, "nothing to do") {
		t.Errorf("the second run: %s", out)
	}
}

// TestMigrateDeadDatabase: who cannot be asked is named in one line.
func TestMigrateDeadDatabase(t *testing.T) {
	db := scratchtest.Database(t, scratch.MariaDBOptions{})
	dir := migrateHost(t, db)
	if err := db.Kill(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	status := run(context.Background(), []string{"migrate", "--postfix", dir, "--config", filepath.Join(dir, "postern.yaml"), "--apply"}, nil, &out, &out)
	if status != 75 || strings.Count(out.String(), "\n") != 1 || !strings.Contains(out.String(), "table domain") {
		t.Errorf("status %d: %s", status, &out)
	}
}
