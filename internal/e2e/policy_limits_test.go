//go:build integration

package e2e

import (
	"strings"
	"testing"

	"postern/internal/scratch"
)

// eomWiring names the chain eom for what is known at the end of a message, as
// postfix/README.md says, for logins as well.
func eomWiring(t *testing.T) policyOptions {
	t.Helper()
	main := parseMain(t, readWiring(t).policy)
	at := func(setting, chain string) string {
		return strings.ReplaceAll(strings.ReplaceAll(main[setting], "reject_unauth_pipelining,", ""), "policy_context="+chain, "policy_context=eom")
	}
	return policyOptions{
		main:       map[string]string{"smtpd_end_of_data_restrictions": at("smtpd_data_restrictions", "data"), "mua_eom_restrictions": at("mua_data_restrictions", "submission-data")},
		submission: "  -o smtpd_end_of_data_restrictions=$mua_eom_restrictions\n",
	}
}

// limits is a policyd block with these rules, and the chains that ask for them.
func limits(chains, rules string) string {
	text := "policyd:\n  chains: {" + chains + "}\n  greylist: {auto_pass: -1}\n  rate_limits:\n"
	for line := range strings.Lines(rules) {
		if line = strings.TrimSpace(line); line != "" {
			text += "    - {" + line + "}\n"
		}
	}
	return text
}

// Where rules are asked for.
const (
	atData  = "gate: [bans], rcpt: [], data: [rate_limits], submission: [], submission-data: [rate_limits], eom: [rate_limits]"
	atRcpt  = "gate: [], rcpt: [bans, greylist, rate_limits], data: [], submission: [rate_limits], submission-data: [], eom: []"
	atGate  = "gate: [bans, rate_limits], rcpt: [], data: [], submission: [], submission-data: [], eom: []"
	atEvery = "gate: [rate_limits], rcpt: [rate_limits], data: [rate_limits], submission: [rate_limits], submission-data: [rate_limits], eom: [rate_limits]"
)

// Sessions of a dialogue, and a message in one.
const (
	stranger = "-- 203.0.113.1 -\n"
	taken    = "MAIL FROM:<friend@far.test> | 250\nRCPT TO:<info@fwd.test> | 250\nDATA | 354\n. | 250\n=> sent\n"
	upToData = "MAIL FROM:<friend@far.test> | 250\nRCPT TO:<info@fwd.test> | 250\nDATA | "
	upToText = upToData + "354\n. | "
	upToRcpt = "MAIL FROM:<friend@far.test> | 250\nRCPT TO:<info@fwd.test> | "
)

// TestPolicyLimits sends mail until a rule acts, in each way that it can.
func TestPolicyLimits(t *testing.T) {
	wiring := eomWiring(t)
	wiring.blocks = limits(atData, "")
	h := startPolicyHost(t, wiring)
	const client = ", key: client_address, count: messages"
	for _, test := range []struct{ name, chains, rules, dialogue string }{
		{"defer", atData, "name: defer" + client + ", limit: 2/1h",
			stranger + taken + taken + upToData + "450 4.7.1 … limit of 2 messages per hour from this client reached, try again in … minutes (id\n" +
				"-- 203.0.113.2 -\n" + taken},
		{"reject", atData, "name: reject" + client + ", limit: 1/1h, action: reject",
			stranger + taken + upToData + "554 5.7.1 … limit of 1 message per hour from this client reached, try again in … (id\n"},
		{"own words", atData, "name: words" + client + ", limit: 1/1h, text: call us at +1 555 0100",
			stranger + taken + upToData + "450 4.7.1 … call us at +1 555 0100, try again in … (id\n"},
		{"hold", atData, "name: hold" + client + ", limit: 1/1h, action: hold",
			stranger + taken + upToText + "250\n=> held\n"},
		{"prepend", atData, "name: prepend" + client + ", limit: 1/1h, action: prepend",
			stranger + taken + upToText + "250\n=> sent with X-Postern-Limit: prepend\n"},
		{"prepend own words", atData, "name: header" + client + ", limit: 1/1h, action: prepend, text: \"X-Postern-Much: yes\"",
			stranger + taken + upToText + "250\n=> sent with X-Postern-Much: yes\n"},
		{"discard", atData, "name: discard" + client + ", limit: 1/1h, action: discard",
			stranger + taken + upToText + "250\n=> dropped\n"},
		{"refuses before it holds", atData, "name: first" + client + ", limit: 1/1h, action: hold\nname: second" + client + ", limit: 2/1h, action: reject",
			stranger + taken + upToText + "250\n=> held\n" + upToData + "554 5.7.1 … limit of 2 messages per hour\n"},
		{"the shorter window", atData, "name: windows1" + client + ", limit: [2/1h, 3/1d]",
			stranger + taken + taken + upToData + "450 4.7.1 … limit of 2 messages per hour … (id\n"},
		{"the longer window", atData, "name: windows2" + client + ", limit: [3/1h, 2/1d]",
			stranger + taken + taken + upToData + "450 4.7.1 … limit of 2 messages per day … try again in 12 hours (id\n"},
		{"recipients", atData, "name: recipients, key: client_address, count: recipients, limit: 5/1h",
			stranger + "MAIL FROM:<a@far.test> | 250\n" + rcpts(4, "info+%d@fwd.test", "250") + "DATA | 354\n. | 250\n" + taken +
				upToData + "450 4.7.1 … limit of 5 recipients per hour from this client reached … (id\n"},
		{"bytes", atData, "name: bytes, key: client_address, count: bytes, limit: 100000/1h",
			stranger + "MAIL FROM:<a@far.test> | 250\nRCPT TO:<info@fwd.test> | 250\nDATA | 354\n.60000 | 250\n" +
				"MAIL FROM:<a@far.test> | 250\nRCPT TO:<info@fwd.test> | 250\nDATA | 354\n.60000 | 450 4.7.1 … limit of 100000 bytes per hour from this client reached … (id\nRSET | 250\n" + taken},
		{"a pair", atData, "name: pair, key: [client_address, sender_domain], limit: 1/1h",
			stranger + taken + upToData + "450 4.7.1 … from this client from this sender domain reached … (id\nRSET | 250\n" +
				strings.ReplaceAll(taken, "far.test", "sub.far.test") + "-- 203.0.113.2 -\n" + taken},
		{"networks", atData, "name: networks, key: client_address, ipv4_prefix: 24, limit: 1/1h",
			stranger + taken + "-- 203.0.113.255 -\n" + upToData + "450\n-- 203.0.114.1 -\n" + taken +
				"-- IPV6:2001:db8::1 -\n" + taken + "-- IPV6:2001:db8::ffff -\n" + upToData + "450\n-- IPV6:2001:db8:0:1::1 -\n" + taken},
		{"an empty key", atData, "name: nobody, key: sasl_username, limit: 1/1h\nname: bounces, key: sender, limit: 1/1h",
			stranger + strings.Repeat(strings.ReplaceAll(taken, "friend@far.test", ""), 3)},
		{"exempt", atData, "name: exempt" + client + ", limit: 1/1h, exempt: [203.0.113.0/28]\nname: clients" + client + ", limit: 1/1h, clients: [\"!203.0.113.0/28\"]",
			stranger + taken + taken + "-- 203.0.113.16 -\n" + taken + upToData + "450\n"},
		{"more than ever fits, of a stranger", atData, "name: split, key: client_address, count: recipients, limit: 3/1h",
			stranger + "MAIL FROM:<a@far.test> | 250\n" + rcpts(4, "info+%d@fwd.test", "250") +
				"DATA | 452 4.5.3 … 4 recipients at once are above the limit of 3 recipients per hour … (id\n"},
		{"more than ever fits, of a login", atData, "name: never, key: sasl_username, count: recipients, limit: 3/1h",
			"-- login alice\nMAIL FROM:<a@fwd.test> | 250\n" + rcpts(4, "r%d@far.test", "250") +
				"DATA | 554 5.7.1 … 4 recipients at once are above the limit of 3 recipients per hour from this login … (id\n"},
		{"too large, of a stranger", atData, "name: large, key: client_address, count: bytes, limit: 10000/1h",
			stranger + "MAIL FROM:<a@far.test> | 250\nRCPT TO:<info@fwd.test> | 250\nDATA | 354\n.20000 | 452 4.3.1 … send a smaller message … (id\nRSET | 250\n" + taken},
		{"too large, of a login", atData, "name: larger, key: sasl_username, count: bytes, limit: 10000/1h",
			"-- login alice\nMAIL FROM:<a@fwd.test> | 250\nRCPT TO:<r@far.test> | 250\nDATA | 354\n.20000 | 552 5.3.4 … send a smaller message … (id\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h.reconfigure(t, limits(test.chains, test.rules))
			h.dialogue(t, test.dialogue)
		})
	}
	t.Run("once per message", func(t *testing.T) { testCountedOnce(t, h) })
	t.Run("refused costs nothing", func(t *testing.T) { testRefusedIsFree(t, h) })
	t.Run("many at once", func(t *testing.T) { testManyAtOnce(t, h) })
	if n := h.d.metric(t, "postern_policy_unknown_context_total"); n != 0 {
		t.Errorf("%v requests with a context that no chain has", n)
	}
}

// testCountedOnce: Postfix asks at RCPT twice, at DATA and at the end of the
// message, and a message and its recipients cost what they cost at one of them.
func testCountedOnce(t *testing.T, h *policyHost) {
	three := "MAIL FROM:<a@far.test> | 250\n" + rcpts(3, "info+%d@fwd.test", "250") + "DATA | 354\n. | 250\n"
	for _, test := range []struct{ name, rules, dialogue string }{
		{"messages", "name: once1, key: client_address, limit: 3/1h",
			stranger + three + three + stranger + three + upToRcpt + "450 4.7.1 … limit of 3 messages per hour\n"},
		{"recipients", "name: once2, key: client_address, count: recipients, limit: 9/1h",
			stranger + three + three + stranger + three + upToRcpt + "450 4.7.1 … limit of 9 recipients per hour\n"},
		{"recipients that Postfix refuses", "name: once3, key: client_address, count: recipients, limit: 4/1h",
			stranger + "MAIL FROM:<a@far.test> | 250\n" + rcpts(3, "nobody%d@fwd.test", "550 5.1.1") +
				"RCPT TO:<info@fwd.test> | 250\nRCPT TO:<shop@fwd.test> | 450 4.7.1\nDATA | 354\n. | 250\n"},
		{"bytes", "name: once4, key: client_address, count: bytes, limit: 45000/1h",
			stranger + strings.Repeat(strings.Replace(three, ". |", ".20000 |", 1), 2) + strings.Replace(strings.Replace(three, ". |", ".20000 |", 1), ".20000 | 250", ".20000 | 450 4.7.1", 1)},
	} {
		t.Run(test.name, func(t *testing.T) {
			h.reconfigure(t, limits(atEvery, test.rules))
			h.dialogue(t, test.dialogue)
		})
	}
}

// testRefusedIsFree: what another check refuses is charged to no limit.
func testRefusedIsFree(t *testing.T, h *policyHost) {
	h.reconfigure(t, limits(atRcpt, "name: refused, key: sender, limit: 1/1h, action: reject\nname: free, key: client_address, limit: 1/1h"))
	h.ban(t, "add", "private.test")
	defer h.ban(t, "revoke", "private.test")
	h.dialogue(t, stranger+strings.Repeat("MAIL FROM:<friend@far.test> | 250\nRCPT TO:<hidden@fwd.test> | 554 5.7.1 … not accepted\nRSET | 250\n", 3)+
		strings.Repeat(upToRcpt+"450 4.7.1 … Greylisted\nRSET | 250\n", 3))
	if out, err := h.postern(t, "policy greylist release", "--sender", "friend@far.test", "--recipient", "info@fwd.test"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	h.dialogue(t, stranger+taken+upToRcpt+"554 5.7.1 … limit of 1 message per hour from this sender reached\n"+
		"RSET | 250\nMAIL FROM:<other@far.test> | 250\nRCPT TO:<info@fwd.test> | 450 4.7.1 … limit of 1 message per hour from this client reached\n")
}

// testManyAtOnce: of many sessions at once exactly as many pass as there is
// room for, whichever of two rules has less.
func testManyAtOnce(t *testing.T, h *policyHost) {
	const sessions, room = 40, 17
	h.reconfigure(t, limits(atEvery, "name: many1, key: client_address, limit: 17/1d\nname: many2, key: sender_domain, limit: 18/1d"))
	replies := make(chan scratch.Reply, sessions)
	dialogs := make([]*scratch.Dialog, sessions)
	for i := range dialogs {
		dialogs[i] = h.call(t, "203.0.113.1 -")
		defer dialogs[i].Close()
	}
	for _, d := range dialogs {
		go func() { replies <- submitOn(d, "info@fwd.test") }()
	}
	passed := 0
	for range sessions {
		switch reply := <-replies; {
		case reply.OK():
			passed++
		case reply.Code != 450:
			t.Errorf("%s", reply)
		}
	}
	if passed != room {
		t.Errorf("%d of %d sessions passed, want %d", passed, sessions, room)
	}
}

// submitOn sends a message on a session and gives the reply that decides. A
// session that breaks is a reply of code 0.
func submitOn(d *scratch.Dialog, recipient string) (reply scratch.Reply) {
	var err error
	for _, command := range []string{"MAIL FROM:<friend@far.test>", "RCPT TO:<" + recipient + ">", "DATA"} {
		if reply, err = d.Command(command); err != nil || !reply.OK() {
			break
		}
	}
	if err == nil && reply.OK() {
		reply, err = d.Body("Subject: many\n\ntext\n")
	}
	if err != nil {
		return scratch.Reply{Text: err.Error()}
	}
	return reply
}
