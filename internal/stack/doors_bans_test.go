//go:build integration

package stack

import (
	"strings"
	"syscall"
	"testing"
)

// bannedDoors are refused while the client still holds the message: where the
// alias leads counts, and times are UTC.
func bannedDoors() []door {
	return []door{
		{name: "alias that leads to a banned domain", recipient: "to-banned@fwd.test", code: 554, says: "5.7.1"},
		{name: "alias that leads below a banned domain", recipient: "to-below@fwd.test", code: 554, says: "5.7.1"},
		{name: "ban that ends in an hour", recipient: "to-soon@fwd.test", code: 554, says: "5.7.1"},
		{name: "banned address of an alias", recipient: "banned-mail@fwd.test", code: 554, says: "5.7.1"},
		{name: "ban that ended an hour ago", recipient: "to-was@fwd.test", code: 250, arrives: "was-banned@was.test"},
		{name: "revoked ban", recipient: "to-revoked@fwd.test", code: 250, arrives: "was-banned@revoked.test"},
	}
}

func TestDoorsBansActWhenTheRecipientIsNamed(t *testing.T) {
	s := start(t, options{})
	s.try(t, bannedDoors())
	if banned := s.world.has(func(r string) bool { return strings.HasSuffix(r, "banned.test") }); len(banned) > 0 {
		t.Errorf("mail went to %v", banned)
	}
}

// TestDoorsBansAreInUTC: the time zone of the server and of sessions changes nothing.
func TestDoorsBansAreInUTC(t *testing.T) {
	s := start(t, options{})
	t.Cleanup(func() { s.inTimeZone(t, "SYSTEM") })
	for _, zone := range []string{"+09:00", "-09:00"} {
		s.inTimeZone(t, zone)
		t.Run(zone, func(t *testing.T) { s.try(t, bannedDoors()) })
	}
}

// inTimeZone has new sessions of the database in a time zone, and the daemons
// read their tables in it.
func (s *stack) inTimeZone(t *testing.T, zone string) {
	t.Helper()
	if _, err := s.db.Exec("SET GLOBAL time_zone = ?", zone); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"socketmap", "policyd"} {
		if err := s.process(t, name).end(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		s.revive(t, name)
	}
}

func TestDoorsBansOnSubmission(t *testing.T) {
	s := start(t, options{})
	for _, recipient := range []string{"x@banned.test", "x@deep.below.banned.test", "to-banned@fwd.test"} {
		c := s.login(t, "alice", "secret-of-alice")
		c.expect("MAIL FROM:<alice@fwd.test>", 250)
		c.expect("RCPT TO:<"+recipient+">", 554, "5.7.1", "spam trap")
	}
}

// TestDoorsBanTables: both tables that transport_maps can ask work: ours, which
// is asked the whole address, and that of the way back, which selects
// ban_pattern and is asked domain by domain.
func TestDoorsBanTables(t *testing.T) {
	start(t, options{})
	for before, table := range map[string]string{
		"":   "mysql:/etc/postfix/mysql-banned-domains.cf",
		"x@": "socketmap:unix:/var/spool/postfix/postern/socketmap:banned-domains",
	} {
		for domain, want := range map[string]string{
			"banned.test":       "error:5.7.1 Domain banned. spam trap",
			"below.banned.test": "error:5.7.1 Domain banned. spam trap",
			"revoked.test":      "",
			"was.test":          "",
			"fwd.test":          "",
		} {
			got, err := run("", "postmap", "-q", before+domain, table)
			if strings.TrimSpace(got) != want || (err == nil) != (want != "") {
				t.Errorf("%s %s: %q, %v; want %q", table, before+domain, got, err, want)
			}
		}
	}
}
