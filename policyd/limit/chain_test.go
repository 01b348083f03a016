package limit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/policyd"
	"postern/policyd/counter"
)

// memory is the real store, at an instant: nothing refills while a test runs.
func memory() *counter.Memory {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return counter.NewMemory(counter.MemoryOptions{Now: func() time.Time { return now }})
}

// verdictOf is a check that says the same to all.
type verdictOf struct {
	verdict policyd.Verdict
	err     error
}

func (f verdictOf) Check(context.Context, *policyd.Request) (policyd.Verdict, error) {
	return f.verdict, f.err
}

func loginLimit(t testing.TB, store counter.Store, n int64) *Check {
	t.Helper()
	c, err := New(Options{Store: store, Host: "mx1.example", Rules: []Rule{
		{Name: "login", Keys: mustKeys(t, "sasl_username"), Count: Recipients, Windows: []counter.Window{{N: n, Per: 24 * time.Hour}, {N: 2 * n, Per: 48 * time.Hour}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestRefusedByOthersCostsNothing puts a check that refuses before and behind
// the limits. Only mail that it lets pass is charged.
func TestRefusedByOthersCostsNothing(t *testing.T) {
	refuses := verdictOf{verdict: policyd.Verdict{Action: policyd.Refuse(554, "5.7.1", "no")}}
	greylists := verdictOf{verdict: policyd.Verdict{Action: policyd.DeferIfPermit("later")}}
	silent := verdictOf{err: errors.New("away")}
	for name, other := range map[string]policyd.Check{"refuses": refuses, "greylists": greylists, "is in trouble": silent} {
		for _, behind := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, behind %t", name, behind), func(t *testing.T) {
				store := memory()
				limits := policyd.Link{Name: "rate_limits", Check: loginLimit(t, store, 2)}
				chain := []policyd.Link{{Name: "other", Check: other}, limits}
				if behind {
					chain = []policyd.Link{limits, {Name: "other", Check: other}}
				}
				refusing, alone := policyd.Policy{Default: chain}, policyd.Policy{Default: []policyd.Link{limits}}
				for i := range 5 {
					q := request(t, "DATA", fmt.Sprintf("1.2.3.%d", i), "sasl_username=jo", "recipient_count=2")
					if d, err := refusing.Judge(context.Background(), q); err == nil && d.Action.IsDunno() {
						t.Fatal("the other check let the mail pass")
					}
				}
				if store.Len() != 0 {
					t.Fatal("refused mail was charged")
				}
				for i, want := range []string{"dunno", "defer"} {
					q := request(t, "DATA", fmt.Sprintf("1.2.3.%d", i), "sasl_username=jo", "recipient_count=2")
					if d, err := alone.Judge(context.Background(), q); err != nil || d.Action.Name() != want {
						t.Errorf("message %d: %v, %v, want %s", i, d.Action, err, want)
					}
				}
			})
		}
	}
}

// TestExactlyTheLimit has 20 clients hammer one login: the limit comes
// through, and not one more. Their messages are asked about at RCPT and DATA.
func TestExactlyTheLimit(t *testing.T) {
	const limit, clients, messages = 300, 20, 40
	policy := policyd.Policy{Default: []policyd.Link{
		{Name: "pass", Check: verdictOf{}},
		{Name: "rate_limits", Check: loginLimit(t, memory(), limit)},
	}}
	passed := make([]int, clients)
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			for i := range messages {
				passed[client] += deliver(t, &policy, fmt.Sprintf("%x.1.1.%d", client, i))
			}
		})
	}
	wg.Wait()
	total := 0
	for _, n := range passed {
		total += n
	}
	if total != limit {
		t.Errorf("%d recipients came through, want exactly %d", total, limit)
	}
}

// deliver is a message to one recipient; it returns how many were taken.
func deliver(t *testing.T, policy *policyd.Policy, instance string) int {
	for _, state := range []string{"RCPT", "DATA"} {
		q := request(t, state, instance, "sasl_username=jo", "recipient=user@x.example", "recipient_count="+map[string]string{"RCPT": "0", "DATA": "1"}[state])
		d, err := policy.Judge(context.Background(), q)
		if err != nil {
			t.Error(err)
		}
		if !d.Action.IsDunno() {
			if state != "RCPT" || d.Rule != "login" {
				t.Errorf("%s was refused at %s by %s: it was charged before", instance, state, d.Rule)
			}
			return 0
		}
	}
	return 1
}

// TestRefill reads the waiting time out of the reply, waits, and passes.
func TestRefill(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	store := counter.NewMemory(counter.MemoryOptions{Now: func() time.Time { return now }})
	c, err := New(Options{Store: store, Rules: []Rule{
		{Name: "client", Keys: mustKeys(t, "client_address"), Windows: []counter.Window{{N: 60, Per: time.Hour}, {N: 2, Per: time.Second}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(instance string) string {
		v, err := judge(c, request(t, "RCPT", instance))
		if err != nil {
			t.Fatal(err)
		}
		return v.Action.String()
	}
	for i := range 60 {
		if got := ask(fmt.Sprint(i)); got != "DUNNO" {
			t.Fatalf("message %d: %s", i, got)
		}
		now = now.Add(500 * time.Millisecond)
	}
	for range 3 {
		now = now.Add(250 * time.Millisecond)
		ask("more")
	}
	got := ask("over")
	if want := "450 4.7.1 limit of 60 messages per hour from this client reached, try again in "; !strings.HasPrefix(got, want) {
		t.Fatalf("got %s, want %s…", got, want)
	}
	now = now.Add(time.Minute)
	if got := ask("over"); got != "DUNNO" {
		t.Errorf("a minute later: %s", got)
	}
}
