//go:build integration

package stack

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"postern/srsd/srs"
)

// forwarded sends a mail through an alias and returns the SRS sender with which
// it arrives.
func (s *stack) forwarded(t *testing.T, sender, alias, arrives string) string {
	t.Helper()
	s.outside(t, stranger).send(sender, []string{alias}, letter(sender, alias, "forwarded"))
	return s.world.mail(t, arrives).Sender
}

func TestDoorsBouncesComeBack(t *testing.T) {
	s := start(t, options{})
	srsSender := s.forwarded(t, "bounced@outside.test", "bounce@fwd.test", "bounce@dest.test")
	s.try(t, []door{
		{name: "valid", sender: "<>", recipient: srsSender, code: 250, arrives: "bounced@outside.test"},
		{name: "valid, in small letters", sender: "<>", recipient: strings.ToLower(srsSender), code: 250, arrives: "bounced@outside.test"},
		{name: "valid, but not a bounce", recipient: srsSender, code: 554},
		{name: "valid at a hosted domain", sender: "<>", recipient: strings.Replace(srsSender, values().SRSDomain, "fwd.test", 1), code: 550, says: "5.1.1"},
		{name: "valid at a foreign domain", sender: "<>", recipient: strings.Replace(srsSender, values().SRSDomain, "dest.test", 1), code: 554, says: "Relay access denied"},
		{name: "forged", sender: "<>", recipient: "SRS0=AAAA=AA=outside.test=bounced@" + values().SRSDomain, code: 550},
		{name: "of another sender", sender: "<>", recipient: strings.Replace(srsSender, "bounced", "somebody", 1), code: 550},
		{name: "expired", sender: "<>", recipient: madeDaysAgo(t, 23, "bounced@outside.test"), code: 550},
		{name: "three weeks old", sender: "<>", recipient: madeDaysAgo(t, 20, "bounced@outside.test"), code: 250, arrives: "bounced@outside.test"},
		{name: "no SRS address", sender: "<>", recipient: "somebody@" + values().SRSDomain, code: 550, says: "5.1.1"},
	})
}

// madeDaysAgo is an SRS address that this host made days ago.
func madeDaysAgo(t *testing.T, days int, sender string) string {
	t.Helper()
	text, err := os.ReadFile("/etc/postern/srs.secret")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(text)) // of each line the secret is last
	rewriter, err := srs.New(srs.Options{Domain: values().SRSDomain})
	if err != nil {
		t.Fatal(err)
	}
	address, err := rewriter.Forward(srs.Keys{srs.NewKey([]byte(lines[len(lines)-1]))}, time.Now().AddDate(0, 0, -days), sender)
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func TestDoorsBounceHasOneRecipient(t *testing.T) {
	s := start(t, options{})
	c := s.outside(t, stranger)
	c.expect("MAIL FROM:<>", 250)
	c.expect("RCPT TO:<calm@fwd.test>", 250)
	c.expect("RCPT TO:<lists@fwd.test>", 250)
	c.expect("DATA", 550, "Multi-recipient bounce")
}

// TestDoorsBouncesHideWhereAnAliasLeads: the destination refuses, and who wrote
// to the alias learns that, and not who the owner is.
func TestDoorsBouncesHideWhereAnAliasLeads(t *testing.T) {
	s := start(t, options{})
	s.world.answer(t, "private-mailbox@dest.test", "550 5.1.1 <private-mailbox@dest.test>: mailbox of Jane Private is gone")
	s.outside(t, stranger).send("curious@outside.test", []string{"gone@fwd.test"}, letter("curious@outside.test", "gone@fwd.test", "gone"))
	bounce := s.world.mail(t, "curious@outside.test")
	if bounce.Sender != "" {
		t.Errorf("sender %q", bounce.Sender)
	}
	if !bytes.Contains(bounce.Data, []byte("gone@fwd.test")) {
		t.Error("the bounce does not name the alias")
	}
	for _, secret := range []string{"private-mailbox", "dest.test", "Jane", "mx.world.test", "203.0.113.10"} {
		if bytes.Contains(bounce.Data, []byte(secret)) {
			t.Errorf("the bounce tells %q:\n%s", secret, bounce.Data)
		}
	}
}
