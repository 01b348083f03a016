//go:build integration

package e2e

import (
	"strings"
	"testing"
	"time"
)

// TestPolicyBans bans each kind and asks at each place where it acts. A ban and
// its revocation are seen by the next mail.
func TestPolicyBans(t *testing.T) {
	h := startPolicyHost(t, policyOptions{blocks: policyExample(t)})
	for _, test := range []struct {
		name     string
		ban      []string
		dialogue string
	}{
		{"address of a client", []string{"198.51.100.7"}, `
			-- 198.51.100.7 mail.far.test
			MAIL FROM:<friend@far.test>  | 250
			RCPT TO:<info@fwd.test>      | 554 5.7.1 … Client banned: a reason (id
			-- 198.51.100.8 mail.far.test
			MAIL FROM:<friend@far.test>  | 250
			RCPT TO:<info@fwd.test>      | 250`},
		{"network of a client", []string{"198.51.100.64/26"}, `
			-- 198.51.100.127 -
			MAIL FROM:<>                 | 250
			RCPT TO:<info@fwd.test>      | 554 5.7.1 … Client banned: a reason (id
			-- 198.51.100.128 -
			MAIL FROM:<>                 | 250
			RCPT TO:<info@fwd.test>      | 250`},
		{"IPv6", []string{"2001:db8:66::/48"}, `
			-- IPV6:2001:db8:66:1::25 -
			MAIL FROM:<>                 | 250
			RCPT TO:<info@fwd.test>      | 554 5.7.1 … Client banned
			-- IPV6:2001:db8:67::25 -
			MAIL FROM:<>                 | 250
			RCPT TO:<info@fwd.test>      | 250`},
		{"domain", []string{"bad.test"}, `
			-- 203.0.113.1 mail.BAD.test good.test
			MAIL FROM:<friend@far.test>  | 250
			RCPT TO:<info@fwd.test>      | 554 5.7.1 … Client banned
			-- 203.0.113.1 - a.bad.test
			MAIL FROM:<friend@far.test>  | 250
			RCPT TO:<info@fwd.test>      | 554 5.7.1 … HELO name banned
			-- 203.0.113.1 - notbad.test
			MAIL FROM:<x@Sub.Bad.Test>   | 250
			RCPT TO:<info@fwd.test>      | 554 5.7.1 … Sender banned
			RSET                         | 250
			MAIL FROM:<x@notbad.test>    | 250
			RCPT TO:<info@fwd.test>      | 250`},
		{"domain, by a login", []string{"bad.test"}, `
			-- login alice
			MAIL FROM:<alice@fwd.test>   | 250
			RCPT TO:<x@sub.bad.test>     | 554 5.7.1 … Recipient banned
			RCPT TO:<friend@far.test>    | 250`},
		{"address", []string{"x@worse.test"}, `
			-- 203.0.113.1 -
			MAIL FROM:<X+tag@worse.test> | 250
			RCPT TO:<info@fwd.test>      | 554 5.7.1 … Sender banned
			RSET                         | 250
			MAIL FROM:<y@worse.test>     | 250
			RCPT TO:<info@fwd.test>      | 250`},
		{"address of a recipient", []string{"info@fwd.test"}, `
			-- 203.0.113.1 -
			MAIL FROM:<friend@far.test>  | 250
			RCPT TO:<INFO+x@fwd.test>    | 554 5.7.1 … Recipient banned
			RCPT TO:<shop@fwd.test>      | 250`},
		{"name", []string{"--type", "name", "info"}, `
			-- 203.0.113.1 -
			MAIL FROM:<info@far.test>    | 250
			RCPT TO:<info@fwd.test>      | 554 5.7.1 … Recipient banned
			RCPT TO:<info@kept.test>     | 554 5.7.1 … Recipient banned
			RCPT TO:<shop@fwd.test>      | 250
			-- login alice
			MAIL FROM:<alice@fwd.test>   | 250
			RCPT TO:<info@far.test>      | 250`},
		{"address of a destination", []string{"secret@private.test"}, `
			-- 203.0.113.1 -
			MAIL FROM:<>                 | 250
			RCPT TO:<hidden@fwd.test>    | 554 5.7.1 … Mail to this address is not accepted: a reason (id … !private … !secret
			RCPT TO:<both@fwd.test>      | 554 5.7.1 … Mail to this address is not accepted: a reason (id … !private … !secret
			RCPT TO:<info@fwd.test>      | 250
			-- login alice
			MAIL FROM:<alice@fwd.test>   | 250
			RCPT TO:<hidden@fwd.test>    | 554 5.7.1 … Mail to this address is not accepted`},
		{"domain of a destination", []string{"private.test"}, `
			-- 203.0.113.1 -
			MAIL FROM:<friend@far.test>  | 250
			RCPT TO:<hidden+x@fwd.test>  | 554 5.7.1 … Mail to this address is not accepted … !private … !secret
			RCPT TO:<other@fwd.test>     | 250
			DATA                         | 354
			.                            | 250
			=> sent`},
	} {
		t.Run(test.name, func(t *testing.T) {
			h.ban(t, append([]string{"add", "--reason", "a reason"}, test.ban...)...)
			h.dialogue(t, test.dialogue)
			h.ban(t, append([]string{"revoke"}, test.ban...)...)
			if text := passing(test.dialogue); !t.Failed() {
				h.dialogue(t, text)
			}
		})
	}
	t.Run("another program", func(t *testing.T) { testBanOfAnother(t, h) })
	t.Run("expires to the second", func(t *testing.T) { testBanExpires(t, h) })
	t.Run("destinations only", func(t *testing.T) { testDestinationsOnly(t, h) })
}

// passing is a dialogue in which everything passes that was refused.
func passing(dialogue string) (text string) {
	for line := range strings.Lines(dialogue) {
		if command, reply, found := strings.Cut(line, "|"); found && strings.HasPrefix(strings.TrimSpace(reply), "554") {
			line = command + "| 250\n"
		}
		text += line
	}
	return text
}

// testBanOfAnother: what another program writes is seen within the refresh
// interval.
func testBanOfAnother(t *testing.T, h *policyHost) {
	execSQLite(t, h.d.file("postern.db"), "INSERT INTO api_bans (ban_type, ban_value, reason, created_at) VALUES ('domain','written.test','by hand',datetime('now'))")
	begin := time.Now()
	eventually(t, "the ban acts", func() bool { return h.attempt(t, "203.0.113.1 -", "x@written.test", "info@fwd.test").Code == 554 })
	t.Logf("acts after %v", time.Since(begin).Round(time.Millisecond))
	execSQLite(t, h.d.file("postern.db"), "UPDATE api_bans SET revoked_at = datetime('now') WHERE ban_value = 'written.test'")
	eventually(t, "the revocation acts", func() bool { return h.attempt(t, "203.0.113.1 -", "x@written.test", "info@fwd.test").Code == 250 })
}

// testBanExpires asks all the time until a ban is over: no reply before its
// second lets pass, none after it refuses.
func testBanExpires(t *testing.T, h *policyHost) {
	begin := time.Now()
	h.ban(t, "add", "other.test") // how long the command takes here
	expires := time.Now().Add(3*time.Second + 4*time.Since(begin)).Truncate(time.Second)
	h.ban(t, "add", "--until", expires.UTC().Format(time.RFC3339), "brief.test")
	refused := 0
	for {
		before := time.Now()
		reply := h.attempt(t, "203.0.113.1 -", "x@brief.test", "info@fwd.test")
		after := time.Now()
		switch {
		case reply.Code == 554 && before.After(expires):
			t.Fatalf("still refused %v after the ban's end", before.Sub(expires))
		case reply.Code == 554:
			refused++
		case after.Before(expires):
			t.Fatalf("%s, %v before the ban's end", reply, expires.Sub(after))
		default:
			if refused == 0 {
				t.Error("the ban never acted")
			}
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// testDestinationsOnly is the setting of a stack that bans in transport_maps.
func testDestinationsOnly(t *testing.T, h *policyHost) {
	h.reconfigure(t, strings.Replace(policyExample(t), "  bans: {", "  bans: {client: [], helo: [], sender: [], recipient: [], destination: [domain], ", 1))
	for _, target := range []string{"private.test", "198.51.100.7", "owner@dest.test"} {
		h.ban(t, "add", target)
		defer h.ban(t, "revoke", target)
	}
	h.dialogue(t, `
		-- 198.51.100.7 mail.private.test
		MAIL FROM:<secret@private.test> | 250
		RCPT TO:<info@fwd.test>         | 250
		RCPT TO:<hidden@fwd.test>       | 554 5.7.1 … Mail to this address is not accepted`)
}
