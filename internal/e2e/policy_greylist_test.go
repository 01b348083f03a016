//go:build integration

package e2e

import (
	"strings"
	"testing"
	"time"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
)

// Where greylisting is asked for.
const greyChains = "policyd:\n  chains: {gate: [srs], rcpt: [spf, greylist], data: [], submission: [greylist], submission-data: []}\n"

// greylisted is a refusal that says nothing of where an alias leads.
const greylisted = "450 4.7.1 … Greylisted, please try again in … (id … !dest.test … !owner"

// TestPolicyGreylist: who has to come again, and who has not.
func TestPolicyGreylist(t *testing.T) {
	settings := "  resolver: " + startDNS(t) + "\n  spf: {header: false}\n"
	h := startPolicyHost(t, policyOptions{blocks: greyChains + settings + "  greylist: {delay: 2s}\n"})
	t.Run("comes again", func(t *testing.T) { testComesAgain(t, h) })
	t.Run("any host of the domain", func(t *testing.T) { testSPFGroup(t, h) })
	h.reconfigure(t, greyChains+settings+"  greylist: {delay: 1h, pools: [pool.test], skip_senders: [known.test], skip_clients: [203.0.113.240/28], auto_pass: 2}\n")
	t.Run("never waits", func(t *testing.T) { testNeverWaits(t, h) })
	t.Run("release", func(t *testing.T) { testRelease(t, h) })
	t.Run("store away", func(t *testing.T) { testStoreAway(t, h, greyChains+settings) })
}

// testComesAgain: not before its time, then from anywhere in its network, and
// known from then on.
func testComesAgain(t *testing.T, h *policyHost) {
	attempt := func(client, want string) string {
		return "-- " + client + " -\nMAIL FROM:<friend@far.test> | 250\nRCPT TO:<info@fwd.test> | " + want + "\n"
	}
	begin := time.Now()
	h.dialogue(t, attempt("203.0.113.1", greylisted))
	for h.attempt(t, "203.0.113.1 -", "friend@far.test", "info@fwd.test").Code == 450 {
		time.Sleep(100 * time.Millisecond)
	}
	if took := time.Since(begin); took < 2*time.Second {
		t.Errorf("passed after %v, before its delay of 2s", took)
	}
	h.dialogue(t, `
		-- 203.0.113.77 -
		MAIL FROM:<other@far.test>   | 250
		RCPT TO:<Shop+x@fwd.test>    | 250
		RCPT TO:<other@fwd.test>     | `+greylisted+`
		RCPT TO:<nobody@fwd.test>    | 550 5.1.1
		-- 198.18.0.1 -
		MAIL FROM:<friend@far.test>  | 250
		RCPT TO:<info@fwd.test>      | `+greylisted)
	out, err := h.postern(t, "policy greylist list")
	if err != nil || !strings.Contains(out, "passed, last at") || !strings.Contains(out, "waits until") || strings.Contains(out, "nobody") {
		t.Errorf("postern policy greylist list: %v:\n%s", err, out)
	}
}

// testSPFGroup: a domain that sends from two networks waits once.
func testSPFGroup(t *testing.T, h *policyHost) {
	h.dialogue(t, "-- 192.0.2.1 -\nMAIL FROM:<a@sender.test> | 250\nRCPT TO:<info@fwd.test> | "+greylisted)
	time.Sleep(2 * time.Second) // of the real clock: the delay
	h.dialogue(t, `
		-- 198.51.100.1 -
		MAIL FROM:<b@sender.test>    | 250
		RCPT TO:<info@fwd.test>      | 250
		RSET                         | 250
		MAIL FROM:<a@soft.test>      | 250
		RCPT TO:<info@fwd.test>      | `+greylisted+`
		-- 203.0.113.1 -
		MAIL FROM:<a@sender.test>    | 250
		RCPT TO:<info@fwd.test>      | 550 5.7.23`)
}

// testNeverWaits: bounces to an address of ours, logins, and the lists.
func testNeverWaits(t *testing.T, h *policyHost) {
	a := h.d.asker()
	defer a.close()
	made := a.rewritten(t, "srs-forward", "friend@far.test")
	h.dialogue(t, `
		-- 198.18.1.1 -
		MAIL FROM:<>                 | 250
		RCPT TO:<{made}>             | 250
		RCPT TO:<{forged}>           | 550 5.1.1
		RCPT TO:<info@fwd.test>      | `+greylisted+`
		-- login alice
		MAIL FROM:<alice@fwd.test>   | 250
		RCPT TO:<new@far.test>       | 250
		-- 198.18.2.1 -
		MAIL FROM:<a@known.test>     | 250
		RCPT TO:<info@fwd.test>      | 250
		-- 203.0.113.250 -
		MAIL FROM:<a@new.test>       | 250
		RCPT TO:<info@fwd.test>      | 250`, "made", made, "forged", forged(made))
}

// testRelease: the operator lets a sender of a pool pass, whose trust then
// counts for all its hosts.
func testRelease(t *testing.T, h *policyHost) {
	h.dialogue(t, "-- 198.18.3.1 a.pool.test\nMAIL FROM:<a@new.test> | 250\nRCPT TO:<info@fwd.test> | "+greylisted)
	if out, err := h.postern(t, "policy greylist release", "--sender", "a@new.test", "--recipient", "shop@fwd.test"); err != nil || !strings.Contains(out, "released 1") {
		t.Fatalf("release: %v: %s", err, out)
	}
	h.dialogue(t, `
		-- 198.18.4.1 b.pool.test
		MAIL FROM:<a@new.test>       | 250
		RCPT TO:<info@fwd.test>      | 250
		RSET                         | 250
		MAIL FROM:<a@new.test>       | 250
		RCPT TO:<info@fwd.test>      | 250
		-- 198.18.5.1 c.pool.test
		MAIL FROM:<x@newer.test>     | 250
		RCPT TO:<other@fwd.test>     | 250`)
}

// testStoreAway: while Redis is dead all mail passes.
func testStoreAway(t *testing.T, h *policyHost, blocks string) {
	redis := scratchtest.Redis(t, scratch.RedisOptions{})
	h.reconfigure(t, blocks+"  state: redis://"+redis.Addr()+"/0\n  greylist: {delay: 1h}\n")
	waits := "-- 198.18.6.1 -\nMAIL FROM:<a@new.test> | 250\nRCPT TO:<info@fwd.test> | "
	var reply scratch.Reply
	eventually(t, "Redis answers in time", func() bool { // a decision waits for 20 ms, and then lets pass
		reply = h.attempt(t, "198.18.6.1 -", "a@new.test", "info@fwd.test")
		return reply.Code == 450
	})
	wantReply(t, reply, greylisted)
	redis.Kill()
	h.dialogue(t, waits+"250\nDATA | 354\n. | 250\n=> sent")
	if err := redis.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "greylisting is back with Redis", func() bool {
		return h.attempt(t, "198.18.7.1 -", "a@new.test", "info@fwd.test").Code == 450
	})
}
