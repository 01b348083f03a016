package limit

import (
	"context"
	"fmt"
	"testing"
	"time"

	"postern/internal/lookup"
	"postern/policyd"
	"postern/policyd/counter"
)

// free is a store that has room for all.
type free struct{}

func (free) Charge(_ context.Context, _ []counter.Debit, outcomes []counter.Outcome, _ bool) error {
	for i := range outcomes {
		outcomes[i] = counter.Outcome{Fits: true, Cost: 1, Remaining: 1}
	}
	return nil
}

func twoRules(t testing.TB, store counter.Store) *Check {
	t.Helper()
	c, err := New(Options{Store: store, Host: "mx1.example", Rules: []Rule{
		{Name: "client", Keys: mustKeys(t, "client_address"), Windows: []counter.Window{{N: 1 << 50, Per: time.Minute}}},
		{Name: "login", Keys: mustKeys(t, "sasl_username"), Count: Recipients, Windows: []counter.Window{{N: 1 << 50, Per: 24 * time.Hour}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func benchRequest(t testing.TB, client string) *policyd.Request {
	t.Helper()
	q, err := policyd.Parse("protocol_state=DATA\ninstance=7b1.65a0.1f2.0\nserver_address=192.0.2.250\nserver_port=25\nrecipient_count=1\n" +
		"sasl_username=jo@x.example\nclient_address=" + client)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// TestAllocations bounds what two rules cost: the name of the message, and for
// an IPv6 client the name of its network. A request that is not counted costs
// nothing.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		return // the race detector allocates, and empties pools
	}
	c := twoRules(t, free{})
	quiet := benchRequest(t, "192.0.2.1")
	quiet.State = "MAIL"
	for _, v := range []struct {
		name string
		q    *policyd.Request
		most float64
	}{
		{"IPv4", benchRequest(t, "192.0.2.1"), 1},
		{"IPv6", benchRequest(t, "2001:db8::1"), 2},
		{"MAIL", quiet, 0},
	} {
		got := testing.AllocsPerRun(1000, func() {
			if verdict, err := judge(c, v.q); err != nil || !verdict.Action.IsDunno() {
				t.Fatal(verdict, err)
			}
		})
		if got > v.most {
			t.Errorf("%s: %v allocations, want %v at most", v.name, got, v.most)
		}
	}
}

// TestPlansForget has a plan that is used again hold nothing of the request
// before, whose memory belongs to another by then.
func TestPlansForget(t *testing.T) {
	p := newPlan()
	p.debits = append(p.debits, counter.Debit{Key: "jo@x.example"})
	p.rules = append(p.rules, &rule{})
	p.first, p.second = append(p.first, "jo@x.example"), append(p.second, "jo@x.example")
	p.windows = append(p.windows, counter.Window{N: 1, Per: 1})
	p.troubled, p.err = &rule{}, context.Canceled
	debits, rules, first, second := p.debits, p.rules, p.first, p.second
	p.release()
	if debits[0].Key != "" || rules[0] != nil || first[0] != "" || second[0] != "" {
		t.Errorf("kept: %v, %v, %v, %v", debits, rules, first, second)
	}
	if len(p.debits)+len(p.rules)+len(p.first)+len(p.second)+len(p.windows) != 0 || p.troubled != nil || p.err != nil {
		t.Errorf("not empty: %+v", p)
	}
}

// BenchmarkTwoRules is phase one and the charge of rules on the client and the
// login: the check alone, and with the store in memory.
func BenchmarkTwoRules(b *testing.B) {
	for _, v := range []struct {
		name  string
		store counter.Store
	}{{"alone", free{}}, {"memory", counter.NewMemory(counter.MemoryOptions{})}} {
		b.Run(v.name, func(b *testing.B) {
			c, q := twoRules(b, v.store), benchRequest(b, "192.0.2.1")
			instances := make([]string, 1024)
			for i := range instances {
				instances[i] = fmt.Sprintf("7b1.65a0.1f2.%d", i)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				q.Instance = instances[i%len(instances)]
				if verdict, err := judge(c, q); err != nil || !verdict.Action.IsDunno() {
					b.Fatal(verdict, err)
				}
			}
		})
	}
}

// BenchmarkOwnLimit adds a lookup of the login's own limits.
func BenchmarkOwnLimit(b *testing.B) {
	c, err := New(Options{Store: free{}, Rules: []Rule{{
		Name: "login", Keys: mustKeys(b, "sasl_username"), Windows: hourly(1),
		Limits: lookup.Func(func(context.Context, string) (string, bool, error) { return "500/1d, 60/1m", true, nil }),
	}}})
	if err != nil {
		b.Fatal(err)
	}
	q := benchRequest(b, "192.0.2.1")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := judge(c, q); err != nil {
			b.Fatal(err)
		}
	}
}
