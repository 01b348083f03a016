//go:build integration

package stack

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// oldMain is the main.cf of a host on mysql: tables and PostSRSd 1.x.
const oldMain = `compatibility_level = 3.6
myhostname = mx.example.com
mydestination =
mynetworks = 127.0.0.0/8
recipient_delimiter = +
virtual_alias_maps = mysql:/etc/postfix/mysql-virtual-handles.cf,
    mysql:/etc/postfix/mysql-virtual-aliases.cf
transport_maps = mysql:/etc/postfix/mysql-banned-domains.cf
smtpd_relay_restrictions =
smtpd_sender_restrictions =
    check_sender_access regexp:/etc/postfix/block_srs_inbound.regexp,
    check_sender_access mysql:/etc/postfix/mysql-block-local-senders.cf
smtpd_recipient_restrictions =
    check_recipient_access mysql:/etc/postfix/mysql-allowlist-handles.cf,
    check_recipient_access mysql:/etc/postfix/mysql-allowlist-aliases.cf,
    reject
sender_canonical_maps = tcp:127.0.0.1:10001
sender_canonical_classes = envelope_sender
recipient_canonical_maps = tcp:127.0.0.1:10002
recipient_canonical_classes = envelope_recipient, header_recipient
`

// oldHost makes that host, with a database whose user may only read.
const oldHost = `
systemctl start mariadb
mariadb -e "CREATE DATABASE maildb CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
    CREATE USER mailuser@127.0.0.1 IDENTIFIED BY 'a-password';
    CREATE USER mailuser@localhost IDENTIFIED BY 'a-password';
    GRANT SELECT ON maildb.* TO mailuser@127.0.0.1, mailuser@localhost"
` + program + ` schema | mariadb maildb
mariadb maildb -e "INSERT INTO domain (name) VALUES ('example.org');
    INSERT INTO alias (address, goto) VALUES ('info@example.org', 'someone@example.net');
    INSERT INTO alias_handle (handle, address) VALUES ('jane', 'jane@example.net')"
cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf
for cf in "$REPOSITORY"/postfix/mysql/*.cf; do sed 's/DATABASE-PASSWORD/a-password/' "$cf" >"/etc/postfix/${cf##*/}"; done
chgrp postfix /etc/postfix/mysql-*.cf
chmod 0640 /etc/postfix/mysql-*.cf
echo '/^SRS[01]=/ REJECT no SRS senders' >/etc/postfix/block_srs_inbound.regexp
id -u postsrsd >/dev/null 2>&1 || adduser --system --quiet --no-create-home postsrsd
install -d /var/lib/postsrsd
(umask 077 && openssl rand -hex 16 >/etc/postsrsd.secret)
cat >/etc/default/postsrsd <<'EOF'
SRS_DOMAIN=srs.example.com
SRS_SECRET=/etc/postsrsd.secret
SRS_LISTEN_ADDR=127.0.0.1
SRS_FORWARD_PORT=10001
SRS_REVERSE_PORT=10002
RUN_AS=postsrsd
EOF
echo "2026-01-02T03:04:05+00:00 mx postfix/smtp[7]: 4XYZab1cdEz1: to=<jane+tag@example.org>, relay=none, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (ok)" >/var/log/mail.log
systemctl start postsrsd postfix
`

// TestMigratingByTheManual does what docs/migration.md says, block by block and
// with the lines that the command prints, on a host that forwards mail with
// mysql: tables and PostSRSd: there, back by the printed lines, there again,
// and back by the copies.
func TestMigratingByTheManual(t *testing.T) {
	s := bareHost(t)
	root, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("/etc/postfix/main.cf", []byte(oldMain), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shell(t, "systemctl stop postsrsd") })
	shell(t, "REPOSITORY="+root+"\n"+oldHost)
	prepareByTheManual(t)
	steps := manualBlocks(t, "migration.md", 6)
	look, prepare, ask, apply, check, copies := steps[0], steps[1], steps[2], steps[3], steps[4], steps[5]

	mark := s.log.Len()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("logged meanwhile:\n%s", tail(s.log.Text()[mark:], 8000))
		}
	})
	before := s.forwarded(t, "old@outside.test", "info@example.org", "someone@example.net")
	wayBack := section(t, shell(t, look), "# ==== the way back\n")
	shell(t, section(t, shell(t, prepare), "# now run:\n"))
	if out := shell(t, ask); out != "someone@example.net\n" {
		t.Errorf("postmap prints %q", out)
	}
	s.forwarded(t, "between@outside.test", "jane@example.org", "jane@example.net")
	shell(t, section(t, shell(t, apply), "# now run:\n"))
	s.onPostern(t, check, before)

	after := s.forwarded(t, "new@outside.test", "info+x@example.org", "someone+x@example.net")
	shell(t, wayBack)
	s.onTables(t, after)
	shell(t, section(t, shell(t, apply), "# now run:\n"))
	s.onPostern(t, check, before)
	kept, err := filepath.Glob("/etc/postfix/main.cf.before-postern-*")
	if err != nil || len(kept) != 2 {
		t.Fatalf("copies of main.cf: %q %v", kept, err)
	}
	_, stamp, _ := strings.Cut(slices.Max(kept), ".before-postern-")
	shell(t, strings.ReplaceAll(copies, "TIME", stamp))
	s.onTables(t, after)
}

// prepareByTheManual is what the manual wants before: the first step of
// docs/install.md, in which only the package is missing, without its example.
func prepareByTheManual(t *testing.T) {
	t.Helper()
	install, _, _ := strings.Cut(manualBlocks(t, "install.md", 6)[0], "systemctl start")
	shell(t, install)
	root, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "migration.md"))
	if err != nil {
		t.Fatal(err)
	}
	remove := regexp.MustCompile("`(rm /etc/postern/postern.yaml)`").FindSubmatch(text)
	if remove == nil {
		t.Fatal("docs/migration.md does not say what becomes of the example")
	}
	shell(t, string(remove[1]))
}

// onPostern wants a host that forwards with the tables of postern, takes back
// what PostSRSd rewrote, and in which the doctor finds no map that is wrong.
func (s *stack) onPostern(t *testing.T, check, rewritten string) {
	t.Helper()
	if main := shell(t, "postconf -n"); strings.Contains(main, "mysql:") || strings.Contains(main, "tcp:") {
		t.Errorf("main.cf still asks others:\n%s", main)
	}
	out, _ := run(check, "/bin/bash", "-euo", "pipefail") // it has something to say about DNS and more
	errors := regexp.MustCompile(`(?m)^error.*`).FindAllString(out, -1)
	if len(errors) != 1 || !strings.HasSuffix(errors[0], "[recipient_canonical_classes]") { // as it was before
		t.Errorf("postern check: %q", errors)
	}
	if got := s.forwarded(t, "there@outside.test", "info@example.org", "someone@example.net"); !strings.HasSuffix(got, "@srs.example.com") {
		t.Errorf("sender %q", got)
	}
	s.outside(t, stranger).send("", []string{rewritten}, letter("", rewritten, "bounce"))
	s.world.mail(t, "old@outside.test")
	if out := shell(t, "postern migrate --postfix /etc/postfix --apply"); !strings.Contains(out, "nothing to do") {
		t.Errorf("a second run:\n%s", out)
	}
}

// onTables wants the files as they were, mail that is forwarded, and a PostSRSd
// that knows what postern rewrote.
func (s *stack) onTables(t *testing.T, rewritten string) {
	t.Helper()
	main, err := os.ReadFile("/etc/postfix/main.cf")
	if err != nil {
		t.Fatal(err)
	}
	words := func(text string) string { return strings.Join(strings.Fields(text), " ") }
	if words(string(main)) != words(oldMain) {
		t.Errorf("main.cf is now\n%s", main)
	}
	if got := s.forwarded(t, "back@outside.test", "info@example.org", "someone@example.net"); !strings.HasSuffix(got, "@srs.example.com") {
		t.Errorf("sender %q", got)
	}
	if out := shell(t, "postmap -q '"+rewritten+"' tcp:127.0.0.1:10002"); out != "new@outside.test\n" {
		t.Errorf("PostSRSd makes %q of %s", out, rewritten)
	}
}

// shell runs a script to its end, and returns what it printed.
func shell(t *testing.T, script string) string {
	t.Helper()
	out, err := run(script, "/bin/bash", "-euo", "pipefail")
	if err != nil {
		t.Fatalf("%s\n%v", script, err)
	}
	return out
}

// section is what is printed from a title on up to the next empty line.
func section(t *testing.T, out, title string) string {
	t.Helper()
	_, rest, ok := strings.Cut(out, title)
	if !ok {
		t.Fatalf("no %q in\n%s", title, out)
	}
	lines, _, _ := strings.Cut(rest, "\n\n")
	return lines + "\n"
}
