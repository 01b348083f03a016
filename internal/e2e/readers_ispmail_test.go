//go:build integration

package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"postern/internal/scratch/trixie"
)

// TestReaderISPmail runs the host of the ISPmail guide, with its tables, its
// four .cf files as they are, and Dovecot for the passwords.
func TestReaderISPmail(t *testing.T) {
	root, err := trixie.Root(t.Context(), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	for _, debian := range []struct{ name, root string }{{"this Debian", ""}, {"Debian 13", root}} {
		t.Run(debian.name, func(t *testing.T) {
			h, db := startISPmail(t, debian.root)
			t.Run("answers", func(t *testing.T) { testISPmailAnswers(t, h) })
			t.Run("port 25", func(t *testing.T) { h.same(t, readersData(t, "ispmail/port25.txt")) })
			t.Run("submission", func(t *testing.T) { testISPmailSubmission(t, h, db) })
			t.Run("policy", func(t *testing.T) { testISPmailPolicy(t, h) })
			t.Run("database away", func(t *testing.T) { testISPmailOutage(t, h, db) })
			t.Run("policy away", func(t *testing.T) { testISPmailPosternAway(t, h) })
		})
	}
}

var ispmailFiles = []string{"virtual-mailbox-domains", "virtual-mailbox-maps", "virtual-alias-maps", "email2email"}

// startISPmail starts both sides, Dovecot and postern.
func startISPmail(t *testing.T, root string) (*readerHost, *database) {
	t.Helper()
	h := newReaderHost(t, root, "A mailbox host after ISPmail")
	db := newDatabase(t, false, false)
	db.exec(t, readersData(t, "ispmail/schema.sql"))
	for _, name := range ispmailFiles {
		h.file(t, "etc/mysql-"+name+".cf", db.own(readersData(t, "ispmail/mysql-"+name+".cf")))
	}
	policy := h.file(t, "tumgreyspf", "#!/bin/sh\nwhile read line; do [ -n \"$line\" ] || printf 'action=dunno\\n\\n'; done\n")
	if err := os.Chmod(policy, 0o755); err != nil {
		t.Fatal(err)
	}
	files := ownCertificate(t)
	for _, side := range []string{"before", "after"} {
		addr := freeAddr(t)
		o := h.options(t, side, "submission inet", addr+" inet")
		o.Master += fmt.Sprintf("\ntumgreyspf unix - n n - - spawn user=nobody argv=%s\n", h.seen(policy))
		o.Files, o.Chroot = files, true
		o.Main["smtpd_tls_chain_files"] = "$config_directory/key.pem, $config_directory/cert.pem"
		s := h.start(t, side, o)
		s.submit = addr
		startDovecot(t, h, s, "passdb {\n driver = sql\n args = "+dovecotSQL(t, h, db)+"\n}\n")
	}
	h.configure(t, "  resolver: "+startDNS(t)+"\ncache: {ttl: 500ms}\n", "delay: 10m", "delay: 2s")
	h.d.start(t)
	return h, db
}

// dovecotSQL is the guide's query for passwords.
func dovecotSQL(t *testing.T, h *readerHost, db *database) (path string) {
	t.Helper()
	host, port, _ := strings.Cut(shared.db.Addr(), ":")
	return h.file(t, "dovecot-sql.conf.ext", fmt.Sprintf("driver = mysql\nconnect = host=%s port=%s dbname=%s user=%s password=%s\n"+
		"default_pass_scheme = SHA256-CRYPT\npassword_query = SELECT email as user, password FROM virtual_users WHERE email='%%u';\n",
		host, port, db.name, shared.db.User(), shared.db.Password()))
}

// own puts the test's database into a .cf file.
func (db *database) own(cf string) string {
	return strings.NewReplacer("user = mailuser", "user = "+shared.db.User(), "password = mailpassword", "password = "+shared.db.Password(),
		"hosts = 127.0.0.1", "hosts = "+shared.db.Addr(), "dbname = mailserver", "dbname = "+db.name).Replace(cf)
}

// testISPmailAnswers compares every answer with what the search of virtual(5)
// and postconf(5) finds in the stock tables, asked form by form with postmap.
func testISPmailAnswers(t *testing.T, h *readerHost) {
	a := h.d.asker()
	defer a.close()
	stock := func(table, key string) string {
		return h.stock(t, "mysql:"+h.seen(h.dir)+"/etc/mysql-"+table+".cf", key)
	}
	hits := 0
	for _, key := range readersKeys(t, "ispmail/keys.txt") {
		want := map[string]string{
			"mailbox-domains": stock("virtual-mailbox-domains", key),
			"mailboxes":       search(key, "+", func(form string) string { return stock("virtual-mailbox-maps", form) }),
			"email2email":     search(key, "+", func(form string) string { return stock("email2email", form) }),
			"aliases": extendedSearch(key, "+", func(form string) string {
				if value := stock("virtual-alias-maps", form); value != "" {
					return value
				}
				return stock("email2email", form)
			}),
		}
		for name, value := range want {
			got := strings.ReplaceAll(answered(a.must(t, name, key)), ", ", ",")
			if got != value {
				t.Errorf("%s %q: %q, stock Postfix finds %q", name, key, got, value)
			}
			if value != "" {
				hits++
			}
		}
	}
	if hits < 20 {
		t.Errorf("%d hits: this compares nothing", hits)
	}
}

// testISPmailSubmission logs in and sends, also after another program changed
// the password.
func testISPmailSubmission(t *testing.T, h *readerHost, db *database) {
	for _, s := range []*readerSide{h.before, h.after} {
		for _, test := range []struct{ login, password, from, to, want string }{
			{"john@example.org", "summersun", "john@example.org", "friend@far.test", "250"},
			{"john@example.org", "summersun", "John@Example.org", "kerstin@example.org", "250"},
			{"john@example.org", "summersun", "john+shop@example.org", "friend@far.test", "250"},
			{"john@example.org", "summersun", "kerstin@example.org", "friend@far.test", "553 5.7.1"},
			// the catch-all is no sender, nor is an alias: only email2email is asked
			{"kerstin@example.org", "wintermoon", "anything@example.org", "friend@far.test", "553 5.7.1"},
			{"john@example.org", "summersun", "jack@example.org", "friend@far.test", "553 5.7.1"},
			{"john@example.org", "summersun", "me@elsewhere.test", "friend@far.test", "553 5.7.1"},
			{"john@example.org", "wrong", "john@example.org", "friend@far.test", "535 5.7.8"},
		} {
			if got := s.submitAs(t, test.login, test.password, test.from, test.to); !strings.HasPrefix(got, test.want) {
				t.Errorf("%s: %s as <%s> to <%s>: %s, want %s", s.name, test.login, test.from, test.to, got, test.want)
			}
		}
	}
	// what webmail does when a user changes the password
	change := func(password string) {
		db.exec(t, "UPDATE virtual_users SET password=CONCAT('{SHA256-CRYPT}', ENCRYPT('"+password+
			"', CONCAT('$5$', SUBSTRING(SHA(RAND()), -16)))) WHERE email='john@example.org'")
	}
	change("autumnrain")
	defer change("summersun")
	for password, want := range map[string]string{"autumnrain": "250", "summersun": "535 5.7.8"} {
		if got := h.after.submitAs(t, "john@example.org", password, "john@example.org", "friend@far.test"); !strings.HasPrefix(got, want) {
			t.Errorf("after the change, password %s: %s, want %s", password, got, want)
		}
	}
	if strings.Contains(h.d.log(), "SHA256-CRYPT") {
		t.Error("the log of postern holds a password")
	}
}

// testISPmailPolicy: greylisting and SPF in the place of the policy script. Who
// waited for an alias has waited for the mailbox that it leads to.
func testISPmailPolicy(t *testing.T, h *readerHost) {
	h.after.play(t, `
		-- 203.0.113.9 mail.far.test
		MAIL FROM:<a@sender.test>         | 250
		RCPT TO:<john@example.org>        | 550 5.7.23 … SPF: sender.test does not permit 203.0.113.9
		RCPT TO:<nobody@example.net>      | 550 5.1.1
		RSET                              | 250
		MAIL FROM:<friend@far.test>       | 250
		RCPT TO:<nobody@example.net>      | 550 5.1.1
		RCPT TO:<victim@far.test>         | 554 5.7.1
		RCPT TO:<jack@example.org>        | 450 4.7.1 … Greylisted`)
	eventually(t, "the client may come again", func() bool {
		return h.after.attempt(t, "203.0.113.9 mail.far.test", "friend@far.test", "jack@example.org").Code == 250
	})
	h.after.play(t, `
		-- 203.0.113.10 mail2.far.test
		MAIL FROM:<other@far.test>        | 250
		RCPT TO:<john@example.org>        | 250
		RCPT TO:<sales@example.net>       | 450 4.7.1 … Greylisted
		DATA                              | 354
		.                                 | 250
		=> box john@example.org`)
}

// testISPmailOutage kills the database. Nobody is refused for good, what was
// asked before is still answered, and all is well afterwards.
func testISPmailOutage(t *testing.T, h *readerHost, db *database) {
	mail := func(to, reply string) string {
		return "-- 192.0.2.10 relay.far.test\nMAIL FROM:<friend@far.test> | 250\nRCPT TO:<" + to + "> | " + reply + "\n"
	}
	delivered := "DATA | 354\n. | 250\n=> box john@example.org\n"
	h.after.play(t, mail("jack@example.org", "250")+delivered)
	if err := shared.db.Kill(); err != nil {
		t.Fatal(err)
	}
	back := func() {
		if err := shared.db.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(600 * time.Millisecond) // past the life of what is cached
	h.after.play(t, mail("jack@example.org", "250")+delivered+mail("never-asked@example.org", "451 4.3.0")+
		mail("nobody-yet@example.net", "451 4.3.0")+mail("victim@unheard.test", "451 4.3.0"))
	if out, err := h.d.run(t, "query", "aliases", "never-asked@example.org"); exitCode(err) != 75 {
		t.Errorf("postern query while the database is away: %v: %s, want status 75", err, out)
	}
	back()
	eventually(t, "the tables are back", func() bool {
		return h.after.attempt(t, "192.0.2.10 relay.far.test", "friend@far.test", "never-asked@example.org").Code == 250
	})
	h.after.play(t, readersData(t, "ispmail/port25.txt"))
	if strings.Contains(h.after.mta.Log(), "status=bounced (unknown user") {
		t.Error("mail was bounced for the outage")
	}
}

// testISPmailPosternAway: 451, whoever writes to whom, and nothing is lost.
func testISPmailPosternAway(t *testing.T, h *readerHost) {
	h.d.stop(t)
	h.after.play(t, `
		-- 192.0.2.10 relay.far.test
		MAIL FROM:<friend@far.test>       | 250
		RCPT TO:<john@example.org>        | 451 4.3.0
		RCPT TO:<nobody@example.net>      | 451 4.3.0`)
	h.d.start(t)
	eventually(t, "mail is taken again", func() bool {
		return h.after.attempt(t, "192.0.2.10 relay.far.test", "friend@far.test", "john@example.org").Code == 250
	})
}
