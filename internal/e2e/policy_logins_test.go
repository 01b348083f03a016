//go:build integration

package e2e

import (
	"strings"
	"testing"
)

// TestPolicyLogins: what one login may send, with limits that stand in a table;
// what one person's aliases may get; who guesses recipients.
func TestPolicyLogins(t *testing.T) {
	db := newDatabase(t, false, false)
	db.exec(t, "CREATE TABLE plans (who VARCHAR(99), limits VARCHAR(99)); INSERT INTO plans VALUES "+
		"('vip','4/1d'),('@fwd.test','2/1h, 3/1d'),('boss@fwd.test','unlimited'),('plain@fwd.test','default'),('off@fwd.test','0/1d'),('odd','many')")
	plans := "maps: {plans: {cf: " + db.cf(t, openFolder(t), "plans", "query = SELECT limits FROM plans WHERE who = '%s'") + "}}\n"
	h := startPolicyHost(t, policyOptions{blocks: plans + limits(atData, "name: login, key: sasl_username, count: recipients, limit: 1/1d, limits: plans")})
	message := "MAIL FROM:<a@fwd.test> | 250\nRCPT TO:<b@far.test> | 250\nDATA | 354\n. | 250\n"
	over := "MAIL FROM:<a@fwd.test> | 250\nRCPT TO:<b@far.test> | 250\nDATA | "
	for _, test := range []struct{ name, dialogue string }{
		{"the login's own", "-- login vip\n" + message + message + message + message + over + "450 4.7.1 … limit of 4 recipients per day from this login reached, try again in … hours (id\n"},
		{"its domain's", "-- login Carol@Fwd.Test\n" + message + message + over + "450 4.7.1 … limit of 2 recipients per hour … (id\n"},
		{"another one of the domain", "-- login dora@fwd.test\n" + message + message + over + "450\n"},
		{"its own over its domain's", "-- login boss@fwd.test\n" + message + message + message + message},
		{"none over its domain's", "-- login plain@fwd.test\n" + message + over + "450 4.7.1 … limit of 1 recipient per day\n"},
		{"nothing", "-- login off@fwd.test\n" + over + "554 5.7.1 … no mail from this login is accepted (id\n"},
		{"the rule's", "-- login unknown\n" + message + over + "450 4.7.1 … limit of 1 recipient per day\n"},
		{"what cannot be read", "-- login odd\n" + message + over + "450 4.7.1 … limit of 1 recipient per day\n"},
		{"no login", stranger + taken + taken + taken},
	} {
		t.Run(test.name, func(t *testing.T) { h.dialogue(t, test.dialogue) })
	}
	t.Run("table away", func(t *testing.T) {
		db.exec(t, "DROP TABLE plans")
		h.dialogue(t, "-- login late@fwd.test\n"+message+over+"450 4.7.1 … limit of 1 recipient per day\n-- login late\n"+message+over+"450\n")
	})
	t.Run("too much at once", func(t *testing.T) { testTooMuch(t, h) })
	t.Run("owner of aliases", func(t *testing.T) { testAliasOwner(t, h) })
	t.Run("guesses", func(t *testing.T) { testGuesses(t, h) })
}

// testTooMuch: a login is told for good, a stranger for now, since his server
// would make a bounce of it.
func testTooMuch(t *testing.T, h *policyHost) {
	h.reconfigure(t, limits(atData, "name: much, key: sasl_username, count: recipients, limit: 10/1d"))
	h.dialogue(t, "-- login alice\nMAIL FROM:<a@fwd.test> | 250\n"+rcpts(11, "r%d@far.test", "250")+
		"DATA | 554 5.7.1 … 11 recipients at once are above the limit of 10 recipients per day from this login, send to fewer recipients at once (id\n"+
		"RSET | 250\nMAIL FROM:<a@fwd.test> | 250\n"+rcpts(10, "r%d@far.test", "250")+"DATA | 354\n. | 250\n")
}

// testAliasOwner: all aliases of one person are one, and the reply does not
// tell where they lead.
func testAliasOwner(t *testing.T, h *policyHost) {
	h.reconfigure(t, limits(strings.Replace(atRcpt, "greylist, ", "", 1), "name: alias-owner, key: alias_owner, limit: 3/1h"))
	const refused = "450 4.7.1 … limit of 3 messages per hour to this recipient reached … !owner … !dest.test … !secret … !private"
	h.dialogue(t, `
		-- 203.0.113.1 -
		MAIL FROM:<a@far.test>      | 250
		RCPT TO:<info@fwd.test>     | 250
		RCPT TO:<shop@fwd.test>     | 250
		RSET                        | 250
		MAIL FROM:<b@far.test>      | 250
		RCPT TO:<Shop+tag@Fwd.Test> | 250
		RSET                        | 250
		MAIL FROM:<c@far.test>      | 250
		RCPT TO:<chain@fwd.test>    | 250
		RSET                        | 250
		MAIL FROM:<d@far.test>      | 250
		RCPT TO:<info@fwd.test>     | `+refused+`
		RCPT TO:<both@fwd.test>     | `+refused+`
		RCPT TO:<hidden@fwd.test>   | 250`)
}

// testGuesses: who asks for recipients that do not exist is not told any more
// which do.
func testGuesses(t *testing.T, h *policyHost) {
	h.reconfigure(t, limits(atGate, "name: strangers, key: client_address, count: recipients, recipients: unknown, limit: 3/10m, ipv4_prefix: 24"))
	h.dialogue(t, `
		-- 203.0.113.1 -
		MAIL FROM:<a@far.test>       | 250
		RCPT TO:<info@fwd.test>      | 250
		RCPT TO:<guess1@fwd.test>    | 550 5.1.1
		RCPT TO:<guess2@fwd.test>    | 550 5.1.1
		-- 203.0.113.77 -
		MAIL FROM:<b@far.test>       | 250
		RCPT TO:<victim@far.test>    | 554 5.7.1 … Relay access denied
		RCPT TO:<guess3@fwd.test>    | 550 5.1.1
		RCPT TO:<guess4@fwd.test>    | 450 4.7.1 … limit of 3 unknown recipients per 10 minutes from this client reached
		RCPT TO:<info@fwd.test>      | 250
		-- 198.51.100.1 -
		MAIL FROM:<b@far.test>       | 250
		RCPT TO:<guess5@fwd.test>    | 550 5.1.1`)
}
