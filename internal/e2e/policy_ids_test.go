//go:build integration

package e2e

import (
	"regexp"
	"strings"
	"testing"

	"postern/internal/scratch"
)

var idInReply = regexp.MustCompile(`\(id ([A-Z2-7]{8})\)$`)

// TestPolicyIDs: the id at the end of a reply finds the one log line that tells
// why.
func TestPolicyIDs(t *testing.T) {
	h := startPolicyHost(t, policyOptions{blocks: shadowChecks("enforce", startDNS(t))})
	h.ban(t, "add", "--reason", "a \"quoted\" reason", "private.test")
	a := h.d.asker()
	defer a.close()
	bad := forged(a.rewritten(t, "srs-forward", "friend@far.test"))
	seen := map[string]bool{}
	for _, test := range []struct{ name, sender, recipient, want string }{
		{"srs", bad, "info@fwd.test", "action=reject mode=enforce check=srs rule=inbound_own"},
		{"bans", "friend@far.test", "hidden@fwd.test", "action=reject mode=enforce check=bans rule=destination_domain"},
		{"spf", "a@sender.test", "info@fwd.test", "action=reject mode=enforce check=spf rule=fail"},
		{"greylist", "friend@far.test", "info@fwd.test", "action=defer_if_permit mode=enforce check=greylist rule=first_seen"},
		{"rate limit", "friend@far.test", "other@fwd.test", "action=defer mode=enforce check=rate_limits rule=enforce-one"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var reply scratch.Reply
			if test.name == "rate limit" {
				reply = h.overLimit(t, test.sender, test.recipient)
			} else {
				reply = h.attempt(t, "203.0.113.9 mail.far.test helo.test", test.sender, test.recipient)
			}
			id := idInReply.FindStringSubmatch(reply.Text)
			if id == nil || seen[id[1]] {
				t.Fatalf("%s: no id of its own", reply)
			}
			seen[id[1]] = true
			line := lastLine(h.d.log(), "id="+id[1]+" action="+strings.Fields(test.want)[0][len("action="):])
			for _, want := range []string{test.want, " client_address=203.0.113.9 client_name=mail.far.test helo=helo.test ",
				"recipient=" + test.recipient + " ", "instance="} {
				if !strings.Contains(line, want) {
					t.Errorf("the log line is %q, want %q in it", line, want)
				}
			}
			if n := strings.Count(h.d.log(), "id="+id[1]+" "); strings.Count(h.d.log(), "mode=shadow") == 0 && n != 1 {
				t.Errorf("%d log lines with the id", n)
			}
		})
	}
}

// overLimit spends a client's one message, and is refused at the next.
func (h *policyHost) overLimit(t *testing.T, sender, recipient string) (reply scratch.Reply) {
	t.Helper()
	for _, to := range []string{"info@fwd.test", recipient} {
		h.attempt(t, "203.0.113.9 mail.far.test", sender, to)
		if out, err := h.postern(t, "policy greylist release", "--sender", sender, "--recipient", to); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	h.dialogue(t, "-- 203.0.113.9 mail.far.test\n"+taken)
	d := h.call(t, "203.0.113.9 mail.far.test helo.test")
	defer d.Close()
	return submitOn(d, recipient)
}
