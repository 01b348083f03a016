//go:build integration

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"postern/policyd"
	"postern/policyd/counter"
	"postern/policyd/greylist"
)

// TestPolicyStateClock: state that was written by a clock far ahead or far
// behind never blocks for longer than the window of the limit.
func TestPolicyStateClock(t *testing.T) {
	for name, away := range map[string]time.Duration{
		"of a minute ago": -time.Minute, "of an hour ahead": time.Hour, "of ten years ahead": 10 * 365 * 24 * time.Hour,
		"of ten years ago": -10 * 365 * 24 * time.Hour, "before 1970": -100 * 365 * 24 * time.Hour, "in the year 2200": 174 * 365 * 24 * time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			d := newPolicyDaemon(t, "", "chains: {short: [rate_limits], long: [rate_limits]}", "rate_limits:",
				"  - {name: short, key: client_address, limit: 3/3s, contexts: [short]}", "  - {name: long, key: client_address, limit: 4/2h, contexts: [long]}")
			writeCounters(t, d.stateFile("limits"), time.Now().Add(away))
			d.begin(t)
			started, strain := time.Now(), d.strain(t)
			wait := waiting(t, d.answer(t, "policy_context=long"))
			if most := 2 * time.Hour; wait > most || away == -time.Minute && wait == 0 || name == "of ten years ago" && wait != 0 {
				t.Errorf("a client has to wait %v", wait)
			}
			eventually(t, "the short limit is free", func() bool { return d.answer(t, "policy_context=short") == "DUNNO" })
			if took := time.Since(started); took > 3*time.Second+promptly+strain.slack() {
				t.Errorf("a limit of 3 in 3s blocked for %v", took)
			}
		})
	}
}

// writeCounters writes full counters as a daemon with that clock does.
func writeCounters(t *testing.T, path string, now time.Time) {
	t.Helper()
	m := counter.NewMemory(counter.MemoryOptions{Now: func() time.Time { return now }})
	debits := []counter.Debit{
		{Rule: "short", Key: "192.0.2.1", Windows: []counter.Window{{N: 3, Per: 3 * time.Second}}, Total: 3},
		{Rule: "long", Key: "192.0.2.1", Windows: []counter.Window{{N: 4, Per: 2 * time.Hour}}, Total: 4},
	}
	outcomes := make([]counter.Outcome, 2)
	mustDo(t, m.Charge(t.Context(), debits, outcomes, false))
	if !outcomes[0].Fits || !outcomes[1].Fits {
		t.Fatal("nothing was charged")
	}
	mustDo(t, os.MkdirAll(filepath.Dir(path), 0o700))
	mustDo(t, m.Save(path))
}

// waiting is the time that a reply tells to wait.
func waiting(t *testing.T, reply string) time.Duration {
	t.Helper()
	if reply == "DUNNO" {
		return 0
	}
	found := regexp.MustCompile(`^450 4\.7\.1 .*, try again in (\d+) (second|minute|hour|day)s? \(id `).FindStringSubmatch(reply)
	if found == nil {
		t.Fatalf("no time to wait in %q", reply)
	}
	n, err := strconv.Atoi(found[1])
	mustDo(t, err)
	return time.Duration(n) * map[string]time.Duration{"second": time.Second, "minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}[found[2]]
}

// TestPolicyGreylistClock: a greylist that was written by a clock far ahead or
// behind delays nobody for longer than its delay.
func TestPolicyGreylistClock(t *testing.T) {
	for name, away := range map[string]time.Duration{"an hour ahead": time.Hour, "ten years ahead": 10 * 365 * 24 * time.Hour, "ten years ago": -10 * 365 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			clock := time.Now().Add(away)
			rows := greylist.NewMemory(greylist.MemoryOptions{Now: func() time.Time { return clock }})
			check, err := greylist.New(greylist.Options{Store: rows, Delay: time.Second})
			mustDo(t, err)
			d := newPolicyDaemon(t, "", "checks: [greylist]", "greylist: {delay: 1s, auto_pass: -1}")
			mustDo(t, os.MkdirAll(filepath.Dir(d.stateFile("greylist")), 0o700))
			q, err := policyd.Parse(policyText())
			mustDo(t, err)
			if v, err := check.Check(t.Context(), q); err != nil || v.Action.Name() != "defer_if_permit" {
				t.Fatal(v, err)
			}
			mustDo(t, rows.Save(d.stateFile("greylist")))
			d.begin(t)
			started, strain := time.Now(), d.strain(t)
			eventually(t, "the sender passes", func() bool { return d.answer(t) == "DUNNO" })
			if took := time.Since(started); took > time.Second+promptly+strain.slack() {
				t.Errorf("a delay of 1s took %v", took)
			}
		})
	}
}
