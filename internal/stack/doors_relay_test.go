//go:build integration

package stack

import (
	"strings"
	"testing"
)

// TestDoorsHandles has rows of alias_handle that opened foreign domains, or
// captured what belongs to others. Handles answer for local@domain in hosted
// domains only, and reserved ones not at all.
func TestDoorsHandles(t *testing.T) {
	s := start(t, options{})
	s.try(t, []door{
		{name: "handle named like a TLD, mail to that TLD", recipient: "somebody@test", code: 554, says: "Relay access denied"},
		{name: "handle named like a TLD, mail below it", recipient: "somebody@elsewhere.test", code: 554, says: "Relay access denied"},
		{name: "handle named like a domain, mail to that domain", recipient: "somebody@outside.test", code: 554, says: "Relay access denied"},
		{name: "handle named @domain", recipient: "other@outside.test", code: 554, says: "Relay access denied"},
		{name: "alias that is a catch-all of a foreign domain", recipient: "third@outside.test", code: 554, says: "Relay access denied"},
		{name: "alias at a foreign domain", recipient: "friend@outside.test", code: 554, says: "Relay access denied"},
		{name: "bare domain", recipient: "outside.test", code: 504, says: "5.5.2"},
		{name: "handle * is no wildcard", recipient: "whoever@fwd.test", code: 550, says: "5.1.1"},
		{name: "handle *, asked by name, is a handle", recipient: "*@fwd.test", code: 250, arrives: "captured-by-star@dest.test"},
		{name: "handle % is no wildcard, and no relay", recipient: "x%outside.test@fwd.test", code: 554, says: "Relay access denied"},

		{name: "handle without an address", recipient: "void@fwd.test", code: 550, says: "5.1.1"},
		{name: "handle without an address, foreign domain", recipient: "void@outside.test", code: 554, says: "Relay access denied"},
		{name: "handle with an empty address", recipient: "empty@fwd.test", code: 550, says: "5.1.1"},
		{name: "handle with an empty address, foreign domain", recipient: "empty@outside.test", code: 554, says: "Relay access denied"},
		{name: "handle with a blank address", recipient: "blank@fwd.test", code: 550, says: "5.1.1"},

		{name: "quoted local part with a blank, foreign domain", recipient: `"jose "@outside.test`, code: 554, says: "Relay access denied"},
		{name: "quoted local part with a blank, hosted domain", recipient: `"jose "@fwd.test`, code: 550, says: "5.1.1"},
		{name: "the handle itself", recipient: "jose@fwd.test", code: 250, arrives: "jose-home@dest.test"},
		{name: "accent where the handle has none", recipient: "josé@fwd.test", code: 550, says: "5.1.1"},
		{name: "no accent where the handle has one", recipient: "jurgen@fwd.test", code: 550, says: "5.1.1"},

		{name: "handle at a foreign domain", recipient: "sales@outside.test", code: 554, says: "Relay access denied"},
		{name: "handle at an inactive domain", recipient: "sales@closed.test", code: 554, says: "Relay access denied"},
		{name: "handle at the host itself", recipient: "sales@mx.example.org", code: 550, says: "5.1.1"},
		{name: "handle at the SRS domain", recipient: "sales@srs.example.org", code: 550, says: "5.1.1"},
		{name: "handle before alias", recipient: "both@fwd.test", code: 250, arrives: "both-by-handle@dest.test"},
		{name: "destination whose local part is a handle", recipient: "to-sales@fwd.test", code: 250, arrives: "sales@outside.test"},

		{name: "alias in an inactive domain", recipient: "switched@closed.test", code: 554, says: "Relay access denied"},
		{name: "alias with an empty destination", recipient: "nowhere@fwd.test", code: 550, says: "5.1.1"},
		{name: "alias with a blank destination", recipient: "blanks@fwd.test", code: 550, says: "5.1.1"},
	})
	s.noneCaptured(t)
}

// TestDoorsReservedHandles: who may read the mail of postmaster gets
// certificates for the domain.
func TestDoorsReservedHandles(t *testing.T) {
	s := start(t, options{})
	operator := values().Operator
	s.try(t, []door{
		{name: "postmaster of a hosted domain", recipient: "postmaster@fwd.test", code: 250, arrives: operator},
		{name: "abuse of a hosted domain", recipient: "Abuse@b.test", code: 250, arrives: operator},
		{name: "admin", recipient: "admin@fwd.test", code: 550, says: "5.1.1"},
		{name: "administrator", recipient: "administrator@fwd.test", code: 550, says: "5.1.1"},
		{name: "hostmaster", recipient: "hostmaster@b.test", code: 550, says: "5.1.1"},
		{name: "webmaster", recipient: "webmaster@fwd.test", code: 550, says: "5.1.1"},
		{name: "mailer-daemon", recipient: "mailer-daemon@fwd.test", code: 550, says: "5.1.1"},
		{name: "root", recipient: "root@fwd.test", code: 550, says: "5.1.1"},
		{name: "with an extension", recipient: "admin+x@fwd.test", code: 550, says: "5.1.1"},
		{name: "an alias of the same name wins", recipient: "admin@b.test", code: 250, arrives: "admin-of-b@dest.test"},
		{name: "bare postmaster", recipient: "postmaster", code: 250, arrives: operator},
		{name: "postmaster of the host", recipient: "postmaster@mx.example.org", code: 250, arrives: operator},
		{name: "root of the host", recipient: "root@mx.example.org", code: 250, arrives: operator},
		{name: "postmaster of the SRS domain", recipient: "postmaster@srs.example.org", code: 250, arrives: operator},
		{name: "root at the address of the host", recipient: "root@[192.0.2.1]", code: 550, says: "5.1.1"},
	})
	s.noneCaptured(t)
}

// TestDoorsLoops: rows that lead to one another cost little and are refused at once.
func TestDoorsLoops(t *testing.T) {
	s := start(t, options{})
	s.try(t, []door{
		{name: "two handles in a ring", recipient: "ring1@fwd.test", code: 550, says: "5.1.1"},
		{name: "a handle that leads to itself", recipient: "selfish@fwd.test", code: 550, says: "5.1.1"},
	})
}

// TestDoorsSenders: what a sender outside may claim to be.
func TestDoorsSenders(t *testing.T) {
	s := start(t, options{})
	own := "@" + values().SRSDomain
	s.try(t, []door{
		{name: "hosted domain", sender: "boss@fwd.test", recipient: "calm@fwd.test", code: 554, says: "forged local sender"},
		{name: "subdomain of a hosted domain", sender: "boss@sub.fwd.test", recipient: "calm@fwd.test", code: 554, says: "forged local sender"},
		{name: "forged SRS0 of ours", sender: "SRS0=AAAA=AA=outside.test=ann" + own, recipient: "calm@fwd.test", code: 554},
		{name: "forged SRS0 of ours, plus", sender: "SRS0+AAAA=AA=outside.test=ann" + own, recipient: "calm@fwd.test", code: 554},
		{name: "forged SRS0 of ours, minus", sender: "SRS0-AAAA=AA=outside.test=ann" + own, recipient: "calm@fwd.test", code: 554},
		{name: "forged SRS1 of ours, in small letters", sender: "srs1=aaaa=outside.test==bbbb=aa=x.test=y" + own, recipient: "calm@fwd.test", code: 554},
		{name: "SRS of another forwarder", sender: "SRS0=abcd=AB=somewhere.test=ann@forwarder.test", recipient: "calm@fwd.test", code: 250, arrives: "calm@dest.test"},
		{name: "SRS of another forwarder, plus", sender: "SRS0+abcd=AB=somewhere.test=ann@forwarder.test", recipient: "calm@fwd.test", code: 250, arrives: "calm@dest.test"},
		{name: "domain that does not exist", sender: "x@nowhere.invalid", recipient: "calm@fwd.test", code: 450, says: "Sender address rejected"},
		{name: "null sender", sender: "<>", recipient: "calm@fwd.test", code: 250, arrives: "calm@dest.test"},
	})
}

// TestDoorsLargeSenders: a hundred messages of one client in a moment are what
// large providers send.
func TestDoorsLargeSenders(t *testing.T) {
	s := start(t, options{})
	c := s.outside(t, "203.0.113.77")
	for range 100 {
		c.expect("MAIL FROM:<ann@outside.test>", 250)
		c.expect("RCPT TO:<many@fwd.test>", 250)
		if reply := c.data(letter("ann@outside.test", "many@fwd.test", "many")); reply.Code != 250 {
			t.Fatal(reply)
		}
	}
	for range 100 {
		s.world.mail(t, "many@dest.test")
	}
}

// TestDoorsMapTrouble: a table in trouble defers, and mails no transcript of the
// session to anybody.
func TestDoorsMapTrouble(t *testing.T) {
	s := start(t, options{})
	s.halt(t, "socketmap", 9)
	c := s.outside(t, stranger)
	c.expect("MAIL FROM:<trouble@outside.test>", 250)
	c.expect("RCPT TO:<calm@fwd.test>", 451)
	c.command("QUIT")
	s.revive(t, "socketmap")
	s.knock(t, door{sender: "trouble@outside.test", recipient: "lists@fwd.test", code: 250, arrives: "lists@dest.test"})
	for _, m := range s.world.takeAll(values().Operator) {
		if strings.Contains(string(m.Data), "trouble@outside.test") {
			t.Errorf("the operator got\n%s", m.Data)
		}
	}
}
