//go:build integration

package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"postern/internal/scratch"
)

// TestIncident: the command stops a login in the database; a client that is
// logged in, and Postfix that asks the daemon, see it with their next question.
func TestIncident(t *testing.T) {
	db := newDatabase(t, true, true)
	db.exec(t, `INSERT INTO domain (name) VALUES ('fwd.test'); INSERT INTO smtp_users (username, password) VALUES ('alice', 'x');
		INSERT INTO smtp_sender_acl (login, sender) VALUES ('alice', 'alice@fwd.test'); INSERT INTO alias (address, goto) VALUES ('info@fwd.test', 'owner@far.test');`)
	d := startDaemon(t, db.block())
	p := startPostfix(t, map[string]string{
		"smtpd_sasl_auth_enable": "yes", "smtpd_sasl_exceptions_networks": "static:all", "smtpd_authorized_xclient_hosts": "127.0.0.0/8",
		"smtpd_sender_login_maps": d.socketmap("sender-login-maps"), "smtpd_sender_restrictions": "reject_sender_login_mismatch",
		"smtpd_relay_restrictions": "permit_mynetworks, reject", "default_transport": "smtp:[127.0.0.1]:1",
		"virtual_alias_domains": d.socketmap("virtual-domains"), "virtual_alias_maps": d.socketmap("virtual"),
	})
	client, err := scratch.DialSMTP(t.Context(), p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	say := func(line, want string) {
		t.Helper()
		reply, err := client.Command(line)
		if got := fmt.Sprint(reply.Code, " ", reply.Text); err != nil || !strings.HasPrefix(got, want) {
			t.Fatalf("%s: %s (%v), want %s", line, got, err, want)
		}
	}
	say("XCLIENT LOGIN=alice", "220")
	say("EHLO client.test", "250")
	send := func() string {
		t.Helper()
		say("MAIL FROM:<alice@fwd.test>", "250")
		say("RCPT TO:<info@fwd.test>", "250")
		say("DATA", "354")
		reply, err := client.Body("Subject: x\n\ntext\n")
		_, id, ok := strings.Cut(reply.Text, "queued as ")
		if err != nil || !ok {
			t.Fatal(reply, err)
		}
		return strings.TrimSpace(id)
	}
	queue := func(id string) string {
		list, err := p.Queue(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range list {
			if m.ID == id {
				return m.Queue
			}
		}
		return ""
	}
	first := send()
	d.await(t, "the mail is deferred", func() bool { return queue(first) == "deferred" })

	out, err := d.run(t, "incident", "--postfix", p.ConfigDir(), "--reason", "leaked", "alice")
	if err != nil || !strings.Contains(out, "held: 1 message\n  "+first) || !strings.Contains(out, "stopped: smtp_sender_acl alice → alice@fwd.test") {
		t.Fatalf("%v: %s", err, out)
	}
	if got := queue(first); got != "hold" {
		t.Errorf("it is in %q", got)
	}
	say("MAIL FROM:<alice@fwd.test>", "250")
	say("RCPT TO:<info@fwd.test>", "553 5.7.1 <alice@fwd.test>: Sender address rejected: not owned by user alice")
	say("RSET", "250")

	id := regexp.MustCompile(`undo: postern incident --undo (\S+)`).FindStringSubmatch(out)
	if id == nil {
		t.Fatal(out)
	}
	out, err = d.run(t, "incident", "--postfix", p.ConfigDir(), "--undo", id[1])
	if err != nil || !strings.Contains(out, "released: 1 message") {
		t.Fatalf("%v: %s", err, out)
	}
	second := send()
	d.await(t, "both are deferred", func() bool { return queue(first) == "deferred" && queue(second) == "deferred" })

	out, err = d.run(t, "incident", "--postfix", p.ConfigDir(), "info@fwd.test")
	if err != nil || !strings.Contains(out, "held: 2 messages") {
		t.Fatalf("%v: %s", err, out)
	}
	say("MAIL FROM:<alice@fwd.test>", "250")
	say("RCPT TO:<info@fwd.test>", "550 5.1.1")
}
