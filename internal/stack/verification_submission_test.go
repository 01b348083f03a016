//go:build integration

package stack

import (
	"strings"
	"testing"
)

func TestAuthenticatedSubmissionWorks(t *testing.T) {
	s := start(t, options{})
	out, err := submit(t, "alice", "secret-of-alice", "alice@fwd.test", "submitted@dest.test", "--header", "Subject: submitted")
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	m := s.world.mail(t, "submitted@dest.test")
	if m.Sender != "alice@fwd.test" || m.header("Subject") != "submitted" {
		t.Errorf("sender %q, subject %q", m.Sender, m.header("Subject"))
	}
}

func TestSubmissionRefusesWrongPasswordsAndPlainText(t *testing.T) {
	s := start(t, options{})
	for _, row := range []struct{ name, user, password string }{
		{"wrong password", "alice", "wrong"},
		{"inactive login", "carol", "secret-of-carol"},
		{"unknown login", "nobody", "x"},
	} {
		t.Run(row.name, func(t *testing.T) {
			out, err := submit(t, row.user, row.password, "alice@fwd.test", "refused@dest.test")
			if err == nil || !strings.Contains(out, "535 5.7.8") {
				t.Errorf("%v:\n%s", err, out)
			}
		})
	}
	t.Run("nobody else is held up by these", func(t *testing.T) {
		s.login(t, "alice", "secret-of-alice").expect("NOOP", 250)
	})
	t.Run("no login", func(t *testing.T) {
		c := s.submission(t)
		c.expect("MAIL FROM:<alice@fwd.test>", 250)
		c.expect("RCPT TO:<somebody@dest.test>", 554, "5.7.1")
	})
	t.Run("no TLS", func(t *testing.T) {
		c := s.plainSubmission(t)
		if reply := c.expect("EHLO mua.test", 250, "STARTTLS"); strings.Contains(reply.Text, "AUTH") {
			t.Errorf("AUTH is offered without TLS: %s", reply)
		}
		c.expect(authPlain("alice", "secret-of-alice"), 530, "5.7.0")
		c.expect("MAIL FROM:<alice@fwd.test>", 530, "5.7.0")
	})
}

func TestSenderACLRefusesAForeignSender(t *testing.T) {
	s := start(t, options{})
	for _, row := range []struct {
		name, user, sender string
		code               int
		says               string
	}{
		{"own", "alice", "alice@fwd.test", 250, ""},
		{"shared, the one", "alice", "team@fwd.test", 250, ""},
		{"shared, the other", "bob", "team@fwd.test", 250, ""},
		{"another's", "alice", "bob@b.test", 553, "5.7.1"},
		{"another's, in capitals", "alice", "CEO@B.TEST", 553, "5.7.1"},
		{"nobody's, hosted", "alice", "unlisted@fwd.test", 553, "5.7.1"},
		{"nobody's, elsewhere", "alice", "somebody@outside.test", 553, "5.7.1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := s.login(t, row.user, "secret-of-"+row.user)
			c.expect("MAIL FROM:<"+row.sender+">", 250)
			c.expect("RCPT TO:<acl@dest.test>", row.code, row.says)
		})
	}
	out, err := submit(t, "alice", "secret-of-alice", "ceo@b.test", "acl@dest.test")
	if err == nil || !strings.Contains(out, "553 5.7.1") {
		t.Errorf("swaks: %v:\n%s", err, out)
	}
}

func TestSubmissionRefusesWhatTheGuardCannotSee(t *testing.T) {
	s := start(t, options{})
	c := s.login(t, "alice", "secret-of-alice")
	c.expect("MAIL FROM:<alice@fwd.test>", 250)
	c.expect("RCPT TO:<friend@dest.test>", 250)
	if reply := c.data("From: alice@fwd.test\x00, ceo@b.test\nSubject: behind a NUL\n\nhello\n"); reply.Code != 550 {
		t.Error(reply)
	}
}

// sentBy submits a mail of alice's and tells with which sender it arrives.
func sentBy(t *testing.T, s *stack, recipient string) message {
	t.Helper()
	c := s.login(t, "alice", "secret-of-alice")
	c.send("alice@fwd.test", []string{recipient}, letter("alice@fwd.test", recipient, "bypass"))
	return s.world.mail(t, recipient)
}

// capturedMail is where the rows that would capture mail lead.
func capturedMail(s *stack) []string {
	return s.world.has(func(recipient string) bool { return strings.HasPrefix(recipient, "captured") })
}

func TestSubmittedMailToForeignRecipientsBypassesAliasesAndHandles(t *testing.T) {
	s := start(t, options{})
	for _, recipient := range []string{"friend@outside.test", "sales@dest.test", "hello@dest.test"} {
		if m := sentBy(t, s, recipient); m.Sender != "alice@fwd.test" {
			t.Errorf("%s: sender %q", recipient, m.Sender)
		}
	}
	if captured := capturedMail(s); len(captured) > 0 {
		t.Errorf("mail went to %v", captured)
	}
}

func TestWildcardHandlesCannotCaptureSubmittedMail(t *testing.T) {
	s := start(t, options{})
	for _, recipient := range []string{"anybody@outside.test", "*@outside.test", "%@outside.test", "outside.test@outside.test", "test@dest.test"} {
		if m := sentBy(t, s, recipient); len(m.Recipients) != 1 {
			t.Errorf("%s: recipients %v", recipient, m.Recipients)
		}
	}
	if captured := capturedMail(s); len(captured) > 0 {
		t.Errorf("mail went to %v", captured)
	}
}
