//go:build integration

package e2e

import (
	"strings"
	"testing"
)

// shadowChecks is a policyd block in which every check has something to refuse,
// in a mode.
func shadowChecks(mode, resolver string) string {
	return strings.NewReplacer("MODE", mode, "RESOLVER", resolver).Replace(`policyd:
  chains: {gate: [srs, bans], rcpt: [spf, greylist], data: [rate_limits], submission: [], submission-data: []}
  resolver: RESOLVER
  srs: {mode: "MODE"}
  bans: {mode: "MODE"}
  spf: {mode: "MODE"}
  greylist: {mode: "MODE"}
  rate_limits:
    - {name: MODE-one, key: client_address, limit: 1/1h, mode: "MODE"}
`)
}

// shadowMail breaks every rule of those checks, twice.
var shadowMail = strings.Repeat(`
	-- 203.0.113.9 mail.far.test
	MAIL FROM:<{forged}>         | 250
	RCPT TO:<info@fwd.test>      | 250
	RSET                         | 250
	MAIL FROM:<a@sender.test>    | 250
	RCPT TO:<hidden@fwd.test>    | 250
	DATA                         | 354
	.                            | 250
	=> sent
`, 2)

// TestPolicyShadow: a check in shadow decides, counts and logs, and acts on
// nobody; one that is off does not even that; enforced it refuses the same mail.
func TestPolicyShadow(t *testing.T) {
	resolver := startDNS(t)
	h := startPolicyHost(t, policyOptions{blocks: shadowChecks("shadow", resolver)})
	h.ban(t, "add", "private.test")
	a := h.d.asker()
	defer a.close()
	bad := forged(a.rewritten(t, "srs-forward", "friend@far.test"))
	wanted := []struct{ check, rule, action string }{
		{"srs", "inbound_own", "reject"}, {"bans", "destination_domain", "reject"}, {"spf", "fail", "reject"},
		{"greylist", "first_seen", "defer_if_permit"}, {"rate_limits", "shadow-one", "defer"},
	}
	count := func(check, action string) float64 {
		return h.d.metric(t, "postern_policy_decisions_total", `check="`+check+`"`, `action="`+action+`"`)
	}
	h.dialogue(t, shadowMail, "forged", bad)
	for _, w := range wanted {
		if count(w.check, "shadow_"+w.action) == 0 || count(w.check, w.action) != 0 {
			t.Errorf("%s: %v in shadow, %v not", w.check, count(w.check, "shadow_"+w.action), count(w.check, w.action))
		}
		line := lastLine(h.d.log(), "mode=shadow check="+w.check+" rule="+w.rule)
		if !strings.Contains(line, "action="+w.action+" ") || !strings.Contains(line, " id=") || !strings.Contains(line, "recipient=") {
			t.Errorf("the log line of %s is %q", w.check, line)
		}
	}
	t.Run("off", func(t *testing.T) {
		before := h.d.metric(t, "postern_policy_decisions_total")
		h.reconfigure(t, shadowChecks("off", resolver))
		h.dialogue(t, shadowMail, "forged", bad)
		counted := h.d.metric(t, "postern_policy_decisions_total") - before
		idle := 2 * 1.0 // at DATA the check of all limits, whose one rule is off, says DUNNO
		if counted != idle || strings.Contains(h.d.log(), "mode=enforce") {
			t.Errorf("%v decisions were counted while all is off, want %v", counted, idle)
		}
	})
	t.Run("enforce", func(t *testing.T) {
		h.reconfigure(t, shadowChecks("enforce", resolver))
		h.dialogue(t, `
			-- 203.0.113.9 mail.far.test
			MAIL FROM:<{forged}>         | 250
			RCPT TO:<info@fwd.test>      | 554 5.7.1 … does not verify
			RSET                         | 250
			MAIL FROM:<b@sender.test>    | 250
			RCPT TO:<hidden@fwd.test>    | 554 5.7.1 … not accepted
			RCPT TO:<info@fwd.test>      | 550 5.7.23
			RSET                         | 250
			MAIL FROM:<b@new.test>       | 250
			RCPT TO:<info@fwd.test>      | 450 4.7.1 … Greylisted`, "forged", bad)
	})
}
