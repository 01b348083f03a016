//go:build integration

package stack

import (
	"strings"
	"syscall"
	"testing"
)

func TestDoorsSubmittedMailToAHostedAddressArrives(t *testing.T) {
	s := start(t, options{})
	c := s.login(t, "alice", "secret-of-alice")
	c.send("alice@fwd.test", []string{"submitted-in@fwd.test"}, letter("alice@fwd.test", "submitted-in@fwd.test", "in"))
	if m := s.world.mail(t, "submitted-in@dest.test"); m.Sender != "alice@fwd.test" || len(m.Recipients) != 1 {
		t.Errorf("from %q to %v", m.Sender, m.Recipients)
	}
}

// TestDoorsSenderRows: the owner of an address is the login that its most
// specific row names; every row of a shared address counts.
func TestDoorsSenderRows(t *testing.T) {
	s := start(t, options{})
	for _, row := range []struct {
		name, user, sender string
		code               int
	}{
		{"listed, but another's", "alice", "ceo@b.test", 553},
		{"shared, first login", "alice", "team@fwd.test", 250},
		{"shared, second login", "bob", "team@fwd.test", 250},
		{"shared, no login of it", "dave", "team@fwd.test", 553},
		{"own, with an extension", "alice", "alice+shop@fwd.test", 250},
		{"another's, with an extension", "alice", "bob+shop@b.test", 553},
		{"row for a domain", "dave", "anything@b.test", 250},
		{"row for a domain, of another", "alice", "anything@b.test", 553},
		{"row for a domain, an address with a row of its own", "dave", "bob@b.test", 553},
		{"row for a domain, a subdomain", "dave", "x@sub.b.test", 553},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := s.login(t, row.user, "secret-of-"+row.user)
			c.expect("MAIL FROM:<"+row.sender+">", 250)
			c.expect("RCPT TO:<rows@dest.test>", row.code)
		})
	}
}

// TestDoorsHeaderFrom: nobody gets mail signed for another tenant, with the
// null sender neither.
func TestDoorsHeaderFrom(t *testing.T) {
	s := start(t, options{})
	for _, row := range []struct {
		name, user, sender, from string
		signs                    string // the domain of the signature; empty: refused
	}{
		{"own", "alice", "alice@fwd.test", "<alice@fwd.test>", "fwd.test"},
		{"another tenant's", "alice", "alice@fwd.test", "<ceo@b.test>", ""},
		{"a stranger's", "alice", "alice@fwd.test", "<ann@outside.test>", ""},
		{"two tenants", "alice", "alice@fwd.test", "<alice@fwd.test>, <ceo@b.test>", ""},
		{"own of another domain: the envelope's signs", "bob", "bob@b.test", "<team@fwd.test>", "b.test"},
		{"null sender, own", "alice", "", "<alice@fwd.test>", "fwd.test"},
		{"null sender, another tenant's", "alice", "", "<ceo@b.test>", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			recipient := strings.ReplaceAll(row.name, " ", "-") + "-from@dest.test"
			recipient = strings.NewReplacer(":", "", "'", "", ",", "").Replace(recipient)
			c := s.login(t, row.user, "secret-of-"+row.user)
			c.expect("MAIL FROM:<"+row.sender+">", 250)
			c.expect("RCPT TO:<"+recipient+">", 250)
			reply := c.data("From: " + row.from + "\nTo: <" + recipient + ">\nSubject: from\nMessage-ID: <from@test>\nDate: Sat, 21 Nov 2026 12:00:00 +0000\n\nhello\n")
			if row.signs == "" {
				if reply.Code != 550 || !strings.Contains(reply.Text, "5.7.1 Header From") {
					t.Errorf("%s; want 550 5.7.1 Header From", reply)
				}
				return
			}
			if reply.Code != 250 {
				t.Fatal(reply)
			}
			m := s.world.mail(t, recipient)
			if found := signatures(t, m); len(found) != 1 || found[0].Err != nil || found[0].Domain != row.signs {
				t.Errorf("signatures %+v; want one of %s in\n%s", found, row.signs, m.Data)
			}
		})
	}
}

// TestDoorsDeadMilter: without OpenDKIM nothing leaves unsigned, and port 25
// does not notice.
func TestDoorsDeadMilter(t *testing.T) {
	s := start(t, options{})
	s.halt(t, "opendkim", syscall.SIGKILL)
	s.knock(t, door{recipient: "calm@fwd.test", code: 250, arrives: "calm@dest.test"})
	out, err := submit(t, "alice", "secret-of-alice", "alice@fwd.test", "unsigned@dest.test")
	if err == nil || !strings.Contains(out, "<** 45") || strings.Contains(out, "<** 5") {
		t.Errorf("%v:\n%s", err, out)
	}
	if out, err := submit(t, "alice", "secret-of-alice", "alice@fwd.test", "unsigned@dest.test"); err == nil {
		t.Errorf("the second message leaves:\n%s", out)
	}
	s.revive(t, "opendkim")
	if out, err := submit(t, "alice", "secret-of-alice", "alice@fwd.test", "signed-again@dest.test"); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	if m := s.world.mail(t, "signed-again@dest.test"); len(signatures(t, m)) != 1 {
		t.Errorf("no signature in\n%s", m.Data)
	}
	if _, unsigned := s.world.take("unsigned@dest.test"); unsigned {
		t.Error("mail left without a signature")
	}
}

// TestDoorsLongLines: what is signed arrives byte by byte, in lines as long as
// they came and in eight bits.
func TestDoorsLongLines(t *testing.T) {
	s := start(t, options{})
	body := strings.Repeat("long ", 300) + "\n" + "Grüße\n" + strings.Repeat("x", 998) + "\n.dot\n"
	c := s.outside(t, stranger)
	c.expect("MAIL FROM:<ann@outside.test> BODY=8BITMIME", 250)
	c.expect("RCPT TO:<wide@fwd.test>", 250)
	if reply := c.data("From: <ann@outside.test>\nSubject: wide\n\n" + body); reply.Code != 250 {
		t.Fatal(reply)
	}
	m := s.world.mail(t, "wide@dest.test")
	if want := "\r\n\r\n" + strings.ReplaceAll(body, "\n", "\r\n"); !strings.HasSuffix(string(m.Data), want) {
		t.Errorf("arrived:\n%s", m.Data)
	}
}
