//go:build integration

package e2e

import (
	"strings"
	"testing"
	"time"
)

// TestPolicySRS: which SRS senders and recipients are let in by each setting.
func TestPolicySRS(t *testing.T) {
	const gate = "\n  chains: {gate: [srs], rcpt: [], data: [], submission: [srs], submission-data: []}\n"
	h := startPolicyHost(t, policyOptions{blocks: "policyd:" + gate})
	a := h.d.asker()
	defer a.close()
	made := a.rewritten(t, "srs-forward", "friend@far.test")
	names := []string{"ours", made, "OURS", strings.ToUpper(made), "forged", forged(made), "lower", strings.ToLower(forged(made)),
		"expired", h.d.srsAt(t, time.Now().Add(-30*day), "old@far.test"), "foreign", "SRS1=abcd=origin.test==XY=AA=other.test=user@alumni.test",
		"lookalike", "SRS2=abcd=XY=origin.test=user@srs.test"}
	for _, test := range []struct {
		name, settings string
		shadow         [2]string // a rule that was not chosen, and what it would have done
		dialogue       string
	}{
		{"own", "", [2]string{"inbound_any", "shadow_reject"}, `
			-- 203.0.113.1 mail.far.test
			MAIL FROM:<{ours}>       | 250
			RCPT TO:<info@fwd.test>  | 250
			RSET                     | 250
			MAIL FROM:<{OURS}>       | 250
			RCPT TO:<info@fwd.test>  | 250
			RSET                     | 250
			MAIL FROM:<{forged}>     | 250
			RCPT TO:<info@fwd.test>  | 554 5.7.1 … its signature is wrong
			RSET                     | 250
			MAIL FROM:<{lower}>      | 250
			RCPT TO:<info@fwd.test>  | 554 5.7.1 … its signature is wrong
			RSET                     | 250
			MAIL FROM:<{expired}>    | 250
			RCPT TO:<info@fwd.test>  | 554 5.7.1 … has expired
			RSET                     | 250
			MAIL FROM:<{lookalike}>  | 250
			RCPT TO:<info@fwd.test>  | 250
			RSET                     | 250
			MAIL FROM:<{foreign}>    | 250
			RCPT TO:<info@fwd.test>  | 250
			DATA                     | 354
			.                        | 250
			=> sent`},
		{"any", "  srs_inbound: any\n", [2]string{"inbound_own", "shadow_reject"}, `
			-- 203.0.113.1 mail.far.test
			MAIL FROM:<{ours}>       | 250
			RCPT TO:<info@fwd.test>  | 554 5.7.1 … rewritten sender (SRS) is not taken here
			RSET                     | 250
			MAIL FROM:<{forged}>     | 250
			RCPT TO:<info@fwd.test>  | 554 5.7.1 … rewritten sender (SRS) is not taken here
			RSET                     | 250
			MAIL FROM:<{foreign}>    | 250
			RCPT TO:<info@fwd.test>  | 554 5.7.1 … rewritten sender (SRS) is not taken here
			RCPT TO:<nobody@fwd.test> | 554 5.7.1 … rewritten sender (SRS) is not taken here
			RSET                     | 250
			MAIL FROM:<friend@far.test> | 250
			RCPT TO:<info@fwd.test>  | 250
			RSET                     | 250
			MAIL FROM:<>             | 250
			RCPT TO:<{ours}>         | 250
			-- login alice
			MAIL FROM:<{foreign}>    | 250
			RCPT TO:<friend@far.test> | 250`},
		{"off", "  srs_inbound: \"off\"\n", [2]string{"inbound_own", "shadow_reject"}, `
			-- 203.0.113.1 mail.far.test
			MAIL FROM:<{forged}>     | 250
			RCPT TO:<info@fwd.test>  | 250
			RSET                     | 250
			MAIL FROM:<{foreign}>    | 250
			RCPT TO:<info@fwd.test>  | 250
			DATA                     | 354
			.                        | 250
			=> sent`},
		{"exempt", "  srs_inbound: any\n  srs: {clients: [\"!192.0.2.0/24\"], logins: [inbound]}\n", [2]string{"inbound_any", "reject"}, `
			-- 192.0.2.7 mail.alumni.test
			MAIL FROM:<{foreign}>    | 250
			RCPT TO:<info@fwd.test>  | 250
			-- 203.0.113.1 mail.far.test
			MAIL FROM:<{foreign}>    | 250
			RCPT TO:<info@fwd.test>  | 554 5.7.1`},
	} {
		t.Run(test.name, func(t *testing.T) {
			h.reconfigure(t, "policyd:"+gate+test.settings)
			labels := []string{`check="srs"`, `rule="` + test.shadow[0] + `"`, `action="` + test.shadow[1] + `"`}
			before := h.d.metric(t, "postern_policy_decisions_total", labels...)
			h.dialogue(t, test.dialogue, names...)
			if after := h.d.metric(t, "postern_policy_decisions_total", labels...); after == before {
				t.Errorf("%q was not counted", labels)
			}
		})
	}
	t.Run("recipients", func(t *testing.T) { testSRSRecipients(t, h, gate, names) })
}

// testSRSRecipients: bounces to addresses of ours that verify, or all mail to
// them if srsd.bounces says so.
func testSRSRecipients(t *testing.T, h *policyHost, gate string, names []string) {
	h.reconfigure(t, "policyd:"+gate)
	h.dialogue(t, `
		-- 203.0.113.1 mail.far.test
		MAIL FROM:<>                   | 250
		RCPT TO:<{ours}>               | 250
		RCPT TO:<{OURS}>               | 250
		RCPT TO:<{forged}>             | 550 5.1.1 … its signature is wrong … (id
		RCPT TO:<{lower}>              | 550 5.1.1 … its signature is wrong … (id
		RCPT TO:<{expired}>            | 550 5.1.1 … has expired … (id
		RCPT TO:<{lookalike}>          | 550 5.1.1 … !(id
		RCPT TO:<{foreign}>            | 554 5.7.1 … Relay access denied
		RSET                           | 250
		MAIL FROM:<friend@far.test>    | 250
		RCPT TO:<{ours}>               | 554 5.7.1 … only bounces are taken
		RCPT TO:<{forged}>             | 550 5.1.1 … its signature is wrong … (id
		RCPT TO:<postmaster@srs.test>  | 250
		-- login alice
		MAIL FROM:<alice@fwd.test>     | 250
		RCPT TO:<{forged}>             | 550 5.1.1 … its signature is wrong`, names...)
	untouched := h.untouched
	defer func() { h.untouched = untouched }()
	h.untouched += "  bounces: any\n"
	h.reconfigure(t, "policyd:"+gate)
	h.dialogue(t, `
		-- 203.0.113.1 mail.far.test
		MAIL FROM:<friend@far.test>    | 250
		RCPT TO:<{forged}>             | 550 5.1.1 … its signature is wrong … (id
		RCPT TO:<{ours}>               | 250
		DATA                           | 354
		.                              | 250
		=> sent`, names...)
}
