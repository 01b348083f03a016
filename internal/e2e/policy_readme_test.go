//go:build integration

package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	control "postern/internal/daemon"
	"postern/internal/scratch/trixie"
	"postern/policyd"
)

// TestPolicyReadme runs Postfix with the lines of main.cf that
// postfix/README.md shows and the daemon with the configuration that
// docs/policy.md shows, and nothing changed in them but addresses and names.
func TestPolicyReadme(t *testing.T) {
	root, err := trixie.Root(t.Context(), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	for _, debian := range []struct{ name, root string }{{"this Debian", ""}, {"Debian 13", root}} {
		t.Run(debian.name, func(t *testing.T) {
			h := startPolicyHost(t, policyOptions{root: debian.root, blocks: policyExample(t)})
			t.Run("contexts", func(t *testing.T) { testContexts(t, h) })
			t.Run("mail", func(t *testing.T) { testReadmeMail(t, h) })
			t.Run("SRS", func(t *testing.T) { testReadmeSRS(t, h) })
			t.Run("bans", func(t *testing.T) { testReadmeBans(t, h) })
			t.Run("limits", func(t *testing.T) { testReadmeLimits(t, h) })
			t.Run("clean", func(t *testing.T) { testReadmeClean(t, h) })
			t.Run("all away", func(t *testing.T) { testReadmeAway(t, h) })
		})
	}
}

// asked is what Postfix asked, as the daemon shows it to `postern policy record`.
type asked struct {
	mu   sync.Mutex
	list []string // "context state answer"
}

// record listens until the test ends.
func (h *policyHost) record(t *testing.T) *asked {
	t.Helper()
	resp, err := control.ControlClient(h.d.file("control"), "serve").Get(control.ControlURL + "/policy/record")
	if err != nil {
		t.Fatal(err)
	}
	a, done := &asked{}, make(chan struct{})
	go func() {
		defer close(done)
		for records := policyd.NewRecords(resp.Body); ; {
			r, err := records.Next()
			if err != nil {
				return
			}
			a.add(r)
		}
	}()
	t.Cleanup(func() { resp.Body.Close(); <-done })
	return a
}

func (a *asked) add(r policyd.Record) {
	attributes := map[string]string{}
	for _, attribute := range r.Attributes {
		attributes[attribute.Name] = attribute.Value
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list = append(a.list, fmt.Sprintf("%s %s %s", attributes["policy_context"], attributes["protocol_state"], r.Answer))
}

// want compares what was asked since the last call.
func (a *asked) want(t *testing.T, want ...string) {
	t.Helper()
	got := func() []string {
		a.mu.Lock()
		defer a.mu.Unlock()
		return slices.Clone(a.list)
	}
	for end := time.Now().Add(patience); len(got()) < len(want) && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	if got := got(); !slices.Equal(got, want) {
		t.Errorf("Postfix asked\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	a.mu.Lock()
	a.list = nil
	a.mu.Unlock()
}

// testContexts: each chain is asked where the README says.
func testContexts(t *testing.T, h *policyHost) {
	a := h.record(t)
	h.dialogue(t, `
		-- 203.0.113.1 mail.far.test
		MAIL FROM:<friend@far.test>  | 250
		RCPT TO:<info@fwd.test>      | 250
		RCPT TO:<nobody@fwd.test>    | 550 5.1.1
		RCPT TO:<other@fwd.test>     | 250
		DATA                         | 354
		.                            | 250
		=> sent`)
	a.want(t, "gate RCPT DUNNO", "rcpt RCPT DUNNO", "gate RCPT DUNNO", "gate RCPT DUNNO", "rcpt RCPT DUNNO", "data DATA DUNNO")
	h.dialogue(t, `
		-- login alice
		MAIL FROM:<alice@fwd.test>   | 250
		RCPT TO:<friend@far.test>    | 250
		DATA                         | 354
		.                            | 250
		=> sent`)
	a.want(t, "submission RCPT DUNNO", "submission-data DATA DUNNO")
	if n := h.d.metric(t, "postern_policy_unknown_context_total"); n != 0 {
		t.Errorf("%v requests with a context that no chain has", n)
	}
}

// testReadmeMail: good mail passes, other mail is refused by Postfix's own words.
func testReadmeMail(t *testing.T, h *policyHost) {
	h.dialogue(t, `
		-- 203.0.113.1 mail.far.test
		MAIL FROM:<>                 | 250
		RCPT TO:<info@fwd.test>      | 250
		DATA                         | 354
		.                            | 250
		=> sent
		MAIL FROM:<friend@far.test>  | 250
		RCPT TO:<CHAIN+x@Fwd.test>   | 250
		RCPT TO:<nobody@fwd.test>    | 550 5.1.1 … !(id
		RCPT TO:<victim@far.test>    | 554 5.7.1 … Relay access denied
		RSET                         | 250
		MAIL FROM:<friend>           | 250
		RCPT TO:<info@fwd.test>      | 504 5.5.2
		RSET                         | 250
		MAIL FROM:<>                 | 250
		RCPT TO:<info@fwd.test>      | 250
		RCPT TO:<other@fwd.test>     | 250
		DATA                         | 550 5.5.3
		-- login alice
		MAIL FROM:<alice@fwd.test>   | 250
		RCPT TO:<info@fwd.test>      | 250
		RCPT TO:<victim@far.test>    | 250
		DATA                         | 354
		.                            | 250
		=> sent
		-- nobody
		MAIL FROM:<alice@fwd.test>   | 250
		RCPT TO:<victim@far.test>    | 554 5.7.1`)
}

// testReadmeSRS: senders and recipients that are SRS addresses.
func testReadmeSRS(t *testing.T, h *policyHost) {
	a := h.d.asker()
	defer a.close()
	made := a.rewritten(t, "srs-forward", "friend@far.test")
	h.dialogue(t, `
		-- 203.0.113.1 mail.far.test
		MAIL FROM:<>                    | 250
		RCPT TO:<{made}>                | 250
		DATA                            | 354
		.                               | 250
		=> sent
		MAIL FROM:<>                    | 250
		RCPT TO:<{forged}>              | 550 5.1.1 … its signature is wrong … (id
		RCPT TO:<{expired}>             | 550 5.1.1 … has expired … (id
		RCPT TO:<postmaster@srs.test>   | 250
		RSET                            | 250
		MAIL FROM:<stranger@far.test>   | 250
		RCPT TO:<{made}>                | 554 5.7.1 … (id
		RCPT TO:<info@fwd.test>         | 250
		RSET                            | 250
		MAIL FROM:<{made}>              | 250
		RCPT TO:<info@fwd.test>         | 250
		RSET                            | 250
		MAIL FROM:<{forged}>            | 250
		RCPT TO:<info@fwd.test>         | 554 5.7.1 … does not verify … (id
		RCPT TO:<nobody@fwd.test>       | 554 5.7.1 … does not verify … (id
		RSET                            | 250
		MAIL FROM:<SRS0=abcd=XY=origin.test=user@other.test> | 250
		RCPT TO:<info@fwd.test>         | 250
		DATA                            | 354
		.                               | 250
		=> sent`,
		"made", made, "forged", forged(made), "expired", h.d.srsAt(t, time.Now().Add(-30*day), "old@far.test"))
}

// testReadmeBans: a banned client learns nothing, and neither does who writes
// to an alias that leads to a banned place.
func testReadmeBans(t *testing.T, h *policyHost) {
	h.ban(t, "add", "--reason", "spam trap", "203.0.113.66")
	h.ban(t, "add", "--reason", "secret@private.test is no good", "private.test")
	defer h.ban(t, "revoke", "203.0.113.66")
	defer h.ban(t, "revoke", "private.test")
	replies := map[string]bool{}
	d := h.call(t, "203.0.113.66 mail.far.test")
	defer d.Close()
	for _, command := range []string{"MAIL FROM:<friend@far.test>", "RCPT TO:<info@fwd.test>", "RCPT TO:<nobody@fwd.test>", "RCPT TO:<hidden@fwd.test>"} {
		reply, err := d.Command(command)
		if err != nil {
			t.Fatal(err)
		}
		if _, to, found := strings.Cut(command, "RCPT TO:"); found {
			text, _, _ := strings.Cut(reply.Text, "(id ")
			replies[fmt.Sprint(reply.Code, " ", strings.Replace(text, to, "<>", 1))] = true
		}
	}
	if want := "554 5.7.1 <>: Recipient address rejected: Client banned: spam trap "; len(replies) != 1 || !replies[want] {
		t.Errorf("a banned client reads %v, want %q for every recipient", replies, want)
	}
	h.dialogue(t, `
		-- 203.0.113.1 mail.far.test
		MAIL FROM:<friend@far.test>   | 250
		RCPT TO:<hidden@fwd.test>     | 554 5.7.1 … Mail to this address is not accepted (id … !private … !secret
		RCPT TO:<both@fwd.test>       | 554 5.7.1 … Mail to this address is not accepted (id … !private … !secret
		RCPT TO:<info@fwd.test>       | 250`)
}

// testReadmeLimits: a login has 60 recipients at once. What is in shadow there
// acts on nobody.
func testReadmeLimits(t *testing.T, h *policyHost) {
	h.dialogue(t, `
		-- login bob
		MAIL FROM:<bob@fwd.test>  | 250
		`+rcpts(61, "r%d@far.test", "250")+`
		DATA                      | 554 5.7.1 … 61 recipients at once are above the limit of 60 recipients per minute … (id
		RSET                      | 250
		MAIL FROM:<bob@fwd.test>  | 250
		`+rcpts(60, "r%d@far.test", "250")+`
		DATA                      | 354
		.                         | 250
		MAIL FROM:<bob@fwd.test>  | 250
		`+rcpts(40, "r%d@far.test", "250")+`
		DATA                      | 450 4.7.1 … limit of 60 recipients per minute from this login reached, try again in … (id
		-- login carol
		MAIL FROM:<bob@fwd.test>  | 250
		RCPT TO:<r@far.test>      | 250
		DATA                      | 354
		.                         | 250`)
	h.dialogue(t, "-- 203.0.113.200 -\nMAIL FROM:<friend@far.test> | 250\n"+rcpts(35, "guess%d@fwd.test", "550 5.1.1")+
		"RCPT TO:<info@fwd.test> | 250")
	if n := h.d.metric(t, "postern_policy_decisions_total", `rule="strangers"`, `action="shadow_defer"`); n == 0 {
		t.Error("rule strangers has not counted 35 guesses as too many")
	}
}

// rcpts is n lines of a dialogue, their addresses numbered from 0.
func rcpts(n int, format, reply string) (lines string) {
	for i := range n {
		lines += "RCPT TO:<" + fmt.Sprintf(format, i) + "> | " + reply + "\n"
	}
	return lines
}

// testReadmeClean: neither Postfix nor postern has anything to complain about.
func testReadmeClean(t *testing.T, h *policyHost) {
	if out, err := h.mta.Postconf(t.Context(), "-n"); err != nil || strings.Contains(out, "warning:") {
		t.Errorf("postconf -n: %v:\n%s", err, out)
	}
	log, err := h.mta.Logged(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(log) {
		if strings.Contains(line, "warning:") || strings.Contains(line, "error:") || strings.Contains(line, "fatal:") {
			t.Errorf("Postfix says %s", line)
		}
	}
	for line := range strings.Lines(h.d.log()) {
		if strings.Contains(line, "level=ERROR") || strings.Contains(line, "level=WARN") {
			t.Errorf("postern says %s", line)
		}
	}
}

// testReadmeAway: with the whole of `postern serve` the tables are away, so no
// mail passes, and none is refused for good.
func testReadmeAway(t *testing.T, h *policyHost) {
	h.d.stop(t)
	h.dialogue(t, `
		-- 203.0.113.1 mail.far.test
		MAIL FROM:<friend@far.test>  | 250
		RCPT TO:<info@fwd.test>      | 451 4.3.0
		RCPT TO:<nobody@fwd.test>    | 451 4.3.0
		-- login alice
		MAIL FROM:<alice@fwd.test>   | 250
		RCPT TO:<friend@far.test>    | 451 4.3.0`)
}
