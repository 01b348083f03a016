package greylist

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The manners of a store beside those of the dialogues.

func terms() Terms {
	return Terms{Delay: time.Minute, RetryWindow: 5 * time.Hour, PassLifetime: 36 * 24 * time.Hour, AutoPass: 5, AutoPassLifetime: 36 * 24 * time.Hour}
}

func visit(sender string, message uint64) Visit {
	return Visit{Group: "192.0.2.0/24", Sender: sender, Owner: "user@mine.example", Trust: [2]Group{"192.0.2.0/24", "spf b.example"}, Message: message}
}

func mustJudge(t testing.TB, s Store, v Visit, peek bool) Standing {
	t.Helper()
	standing, err := s.Judge(t.Context(), v, terms(), peek)
	if err != nil {
		t.Fatal(err)
	}
	return standing
}

func mustNote(t testing.TB, s Store, v Visit) (waited bool) {
	t.Helper()
	waited, err := s.Pass(t.Context(), v, terms())
	if err != nil {
		t.Fatal(err)
	}
	return waited
}

func TestStanding(t *testing.T) {
	each(t, func(t *testing.T, s Store, c *clock) {
		start := c.Now()
		got := []Standing{mustJudge(t, s, visit("b.example", 1), false)}
		c.add(20 * time.Second)
		got = append(got, mustJudge(t, s, visit("b.example", 2), false))
		c.add(time.Minute)
		got = append(got, mustJudge(t, s, visit("b.example", 2), false), mustJudge(t, s, visit("b.example", 3), false))
		if !mustNote(t, s, visit("b.example", 3)) || mustNote(t, s, visit("b.example", 3)) || mustNote(t, s, visit("b.example", 4)) {
			t.Error("waited is told not exactly once")
		}
		got = append(got, mustJudge(t, s, visit("b.example", 5), false))
		want := []Standing{
			{Wait: time.Minute},
			{First: start, Wait: 40 * time.Second},
			{First: start, Wait: time.Second},
			{First: start},
			{First: start, Known: true, Passes: [2]int{2, 2}},
		}
		for i := range want {
			if g, w := got[i], want[i]; g.Wait != w.Wait || !g.First.Equal(w.First) || g.Known != w.Known || g.Passes != w.Passes || g.Trusted != "" || g.Renew {
				t.Errorf("%d: %+v, want %+v", i, g, w)
			}
		}
	})
}

func TestTrustedStanding(t *testing.T) {
	each(t, func(t *testing.T, s Store, c *clock) {
		only := Visit{Trust: [2]Group{"", "spf b.example"}, Message: 1}
		for only.Message = range uint64(6) { // 0 is none, so it counts too
			mustNote(t, s, only)
		}
		got := mustJudge(t, s, visit("b.example", 1), false)
		if got.Trusted != "spf b.example" || got.Passes != [2]int{0, 5} || got.Renew {
			t.Errorf("%+v", got)
		}
		c.add(time.Hour)
		if got = mustJudge(t, s, Visit{Trust: [2]Group{"192.0.2.0/24", "spf b.example"}}, true); got.Trusted != "spf b.example" || !got.Renew {
			t.Errorf("an hour later %+v", got)
		}
		if got = mustJudge(t, s, Visit{Trust: [2]Group{"", "spf b.example"}}, true); got.Trusted != "spf b.example" || got.Passes != [2]int{0, 6} && got.Passes != [2]int{0, 5} {
			t.Errorf("alone %+v", got)
		}
		if got = mustJudge(t, s, Visit{Trust: [2]Group{"192.0.2.0/24"}}, false); got != (Standing{}) {
			t.Errorf("another group is %+v", got)
		}
		if mustNote(t, s, Visit{}) {
			t.Error("nothing waited")
		}
		for message := range uint64(6) {
			mustNote(t, s, Visit{Trust: [2]Group{"192.0.2.0/24"}, Message: message})
		}
		if got = mustJudge(t, s, Visit{Trust: [2]Group{"192.0.2.0/24", "spf b.example"}}, true); got.Trusted != "192.0.2.0/24" || got.Renew {
			t.Errorf("of two that are trusted, one an hour ago: %+v", got)
		}
	})
}

// TestTermsMayChange: a new number of passes counts on from those that are there.
func TestTermsMayChange(t *testing.T) {
	each(t, func(t *testing.T, s Store, c *clock) {
		few, more := terms(), terms()
		few.AutoPass = 2
		group := Visit{Trust: [2]Group{"192.0.2.0/24"}}
		trusted := func(terms Terms) bool {
			standing, err := s.Judge(t.Context(), group, terms, true)
			if err != nil {
				t.Fatal(err)
			}
			return standing.Trusted != ""
		}
		for group.Message = range uint64(3) {
			mustNoteWith(t, s, group, few)
		}
		if !trusted(few) || trusted(more) {
			t.Error("two passes are enough for 2 and not for 5")
		}
		for group.Message = range uint64(3) {
			mustNoteWith(t, s, group, more)
		}
		if !trusted(more) {
			t.Error("five passes are not enough")
		}
	})
}

func mustNoteWith(t *testing.T, s Store, v Visit, terms Terms) {
	t.Helper()
	if _, err := s.Pass(t.Context(), v, terms); err != nil {
		t.Fatal(err)
	}
}

// TestAtOnce: of many attempts on one triplet one is the first, of many passes
// one ends the wait, and each message counts once.
func TestAtOnce(t *testing.T) {
	each(t, func(t *testing.T, s Store, c *clock) {
		const n = 20
		var firsts, waits int
		var mu sync.Mutex
		atOnce := func(do func(i int) bool, into *int) {
			var wg sync.WaitGroup
			for i := range n {
				wg.Go(func() {
					yes := do(i)
					mu.Lock()
					defer mu.Unlock()
					if yes {
						*into++
					}
				})
			}
			wg.Wait()
		}
		atOnce(func(i int) bool { return mustJudge(t, s, visit("b.example", uint64(i)), false).First.IsZero() }, &firsts)
		c.add(time.Minute)
		atOnce(func(i int) bool { return mustNote(t, s, visit("b.example", uint64(1+i%3))) }, &waits)
		if got := mustJudge(t, s, visit("b.example", 99), true); firsts != 1 || waits != 1 || got.Passes != [2]int{3, 3} {
			t.Errorf("%d first, %d waited, %v passes; want 1, 1, 3 of each", firsts, waits, got.Passes)
		}
	})
}

// TestOddParts: whatever the parts are, rows are told apart by them.
func TestOddParts(t *testing.T) {
	each(t, func(t *testing.T, s Store, _ *clock) {
		parts := []string{"a", "b", "a:b", "\x00", "a\x00", "é", "\xff", "*", "null", "t:a", strings.Repeat("x", longestPart)}
		seen := 0
		for _, sender := range append(parts, "") {
			for _, owner := range parts {
				v := Visit{Group: "192.0.2.0/24", Sender: sender, Owner: owner}
				if mustJudge(t, s, v, false).First.IsZero() {
					seen++
				}
			}
		}
		if want := len(parts) * (len(parts) + 1); seen != want {
			t.Errorf("%d rows, want %d", seen, want)
		}
	})
}

// TestMessagesCountOnce: a message counts once, and one that has no name each
// time.
func TestMessagesCountOnce(t *testing.T) {
	each(t, func(t *testing.T, s Store, _ *clock) {
		for _, message := range []uint64{0, 0, 43, 43, 7} { // 17 and 7 to the base of 36
			mustNote(t, s, visit("b.example", message))
		}
		entries, err := newCheck(t, Options{Store: s}).Entries(t.Context(), 0)
		if err != nil || len(entries) == 0 {
			t.Fatalf("%+v, %v", entries, err)
		}
		for _, e := range entries {
			if e.Count != 4 {
				t.Errorf("%d messages, want 4: %+v", e.Count, e)
			}
		}
	})
}

func TestEntries(t *testing.T) {
	each(t, func(t *testing.T, s Store, c *clock) {
		check := newCheck(t, Options{Store: s})
		start := c.Now()
		mustJudge(t, s, visit("b.example", 1), false)
		mustJudge(t, s, visit("", 1), false)
		c.add(time.Minute)
		mustNote(t, s, visit("b.example", 2))
		entries, err := check.Entries(t.Context(), 0)
		if err != nil || len(entries) != 4 {
			t.Fatalf("%+v, %v", entries, err)
		}
		var waiting, passed, groups int
		for _, e := range entries {
			switch {
			case e.Recipient == "":
				groups++
				if e.Count != 1 || !e.Passed || !e.LastPass.Equal(c.Now()) || !e.PassAt.IsZero() {
					t.Errorf("group %+v", e)
				}
			case e.Sender == "":
				waiting++
				if e.Passed || e.Count != 0 || !e.FirstSeen.Equal(start) || !e.PassAt.Equal(start.Add(time.Minute)) || !e.LastPass.IsZero() {
					t.Errorf("waiting %+v", e)
				}
			default:
				passed++
				if !e.Passed || e.Count != 1 || !e.FirstSeen.Equal(start) || !e.PassAt.IsZero() || !e.LastPass.Equal(c.Now()) {
					t.Errorf("passed %+v", e)
				}
			}
			if e.Group == "" || e.Expires.IsZero() {
				t.Errorf("%+v", e)
			}
		}
		if waiting != 1 || passed != 1 || groups != 2 {
			t.Errorf("%d waiting, %d passed, %d groups", waiting, passed, groups)
		}
		for limit := range 4 {
			if entries, err = check.Entries(t.Context(), limit+1); len(entries) != limit+1 || err != nil {
				t.Errorf("%d of at most %d, %v", len(entries), limit+1, err)
			}
		}
	})
}

func TestRelease(t *testing.T) {
	for _, test := range []struct {
		name, client, sender, recipient string
		n                               int
		pass                            []string // what passes then
	}{
		{"all three", "192.0.2.77", "x@b.example", "User@Mine.example", 1, []string{"known"}},
		{"mail of a pool", "192.0.9.1", "x@p.example", "user@mine.example", 1, []string{"pool"}},
		{"the pool's name", "Pool.example", "x@p.example", "user@mine.example", 1, []string{"pool"}},
		{"mail that SPF lets pass", "192.0.9.1", "x@s.example", "user@mine.example", 1, []string{"spf"}},
		{"the null sender", "192.0.2.1", "<>", "user@mine.example", 1, []string{"null"}},
		{"any client", "", "x@b.example", "user@mine.example", 2, []string{"known", "elsewhere"}},
		{"any client, null sender", "", "", "user@mine.example", 1, []string{"null"}},
		{"nothing waits", "", "x@nowhere.example", "user@mine.example", 0, nil},
		{"seen by nobody yet", "192.0.4.1", "a@b.example", "user@mine.example", 0, []string{"later"}},
		{"a network", "192.0.2.77", "", "", 1, []string{"known", "other", "null"}},
		{"a pool", "pool.example", "", "", 1, []string{"pool"}},
		{"another network", "2001:db8::1", "", "", 1, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			each(t, func(t *testing.T, s Store, c *clock) {
				release(t, s, c, test.client, test.sender, test.recipient, test.n, test.pass)
			})
		})
	}
}

func release(t *testing.T, s Store, c *clock, client, sender, recipient string, n int, pass []string) {
	spf := ""
	check := newCheck(t, Options{Store: s, Pools: []string{"pool.example"}, SenderDomain: spfSays(&spf)})
	attempts := []struct{ name, client, clientName, sender, recipient, spf string }{
		{"known", "192.0.2.1", "", "a@b.example", "user@mine.example", ""},
		{"elsewhere", "192.0.3.1", "", "a@b.example", "user@mine.example", ""},
		{"other", "192.0.2.1", "", "a@b.example", "other@mine.example", ""},
		{"null", "192.0.2.1", "", "", "user@mine.example", ""},
		{"pool", "192.0.9.1", "m.pool.example", "a@p.example", "user@mine.example", ""},
		{"spf", "192.0.9.1", "", "a@s.example", "user@mine.example", "s.example"},
		{"later", "192.0.4.1", "", "a@b.example", "user@mine.example", ""},
	}
	judge := func(round int) (passed []string) {
		for i, a := range attempts {
			if spf = a.spf; round == 0 && a.name == "later" {
				continue
			}
			v, err := check.Check(t.Context(), request(t, a.client, a.sender, a.recipient, "client_name="+a.clientName, fmt.Sprintf("instance=%d.%d", round, i)))
			if err != nil {
				t.Fatal(err)
			}
			if v.Action.IsDunno() {
				passed = append(passed, a.name)
			}
		}
		return passed
	}
	if passed := judge(0); passed != nil {
		t.Fatal(passed)
	}
	c.add(time.Second)
	if got, err := check.Release(t.Context(), client, sender, recipient); got != n || err != nil {
		t.Errorf("%d, %v; want %d", got, err, n)
	}
	c.add(time.Second)
	if passed := judge(1); !slices.Equal(passed, pass) {
		t.Errorf("passed %q, want %q", passed, pass)
	}
}

func TestReleaseRefuses(t *testing.T) {
	each(t, func(t *testing.T, s Store, _ *clock) {
		for _, test := range []struct {
			want                      string
			autoPass                  int
			client, sender, recipient string
		}{
			{"nothing is named", 0, "", "", ""},
			{"nothing is named", 0, "", "a@b.example", ""},
			{"a sender needs a recipient", 0, "192.0.2.1", "a@b.example", ""},
			{`client "mx.example" is no address and no pool`, 0, "mx.example", "", ""},
			{"no network is ever trusted (auto_pass: -1)", -1, "192.0.2.1", "", ""},
		} {
			c := newCheck(t, Options{Store: s, AutoPass: test.autoPass})
			if n, err := c.Release(t.Context(), test.client, test.sender, test.recipient); n != 0 || err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%d, %v; want %s", n, err, test.want)
			}
		}
	})
	c := newCheck(t, Options{Store: broken{errAway}})
	_, list := c.Entries(t.Context(), 0)
	_, network := c.Release(t.Context(), "192.0.2.1", "", "")
	_, triplets := c.Release(t.Context(), "", "", "user@mine.example")
	for _, err := range []error{list, network, triplets} {
		if !errors.Is(err, errNoDesk) {
			t.Error(err)
		}
	}
	if _, err := c.Release(t.Context(), "192.0.2.1", "", "user@mine.example"); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Error(err)
	}
}
