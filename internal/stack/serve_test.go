//go:build integration

package stack

import "testing"

// TestServeIsAllDaemonsInOneProcess: the same files and the same answers with
// one `postern serve`, as the manual installs it.
func TestServeIsAllDaemonsInOneProcess(t *testing.T) {
	s := start(t, options{serve: true})
	if len(s.processes) != 4 { // MariaDB, postern, OpenDKIM, Dovecot
		t.Errorf("%d processes", len(s.processes))
	}
	sender := s.forwarded(t, "served@outside.test", "hello@fwd.test", "hello@dest.test")
	s.try(t, []door{
		{name: "bounce", sender: "<>", recipient: sender, code: 250, arrives: "served@outside.test"},
		{name: "handle", recipient: "sales@b.test", code: 250, arrives: "sales-home@dest.test"},
		{name: "unknown", recipient: "nobody-here@fwd.test", code: 550, says: "5.1.1"},
		{name: "banned", recipient: "to-banned@fwd.test", code: 554, says: "spam trap"},
		{name: "forged", sender: "x@fwd.test", recipient: "hello@fwd.test", code: 554, says: "forged local sender"},
	})
	if m := sentBy(t, s, "served@dest.test"); m.Sender != "alice@fwd.test" || len(signatures(t, m)) != 1 {
		t.Errorf("from %q:\n%s", m.Sender, m.Data)
	}
	c := s.login(t, "alice", "secret-of-alice")
	c.expect("MAIL FROM:<alice@fwd.test>", 250)
	c.expect("RCPT TO:<served@dest.test>", 250)
	if reply := c.data(letter("ceo@b.test", "served@dest.test", "forged")); reply.Code != 550 {
		t.Errorf("forged header From: %s", reply)
	}
}
