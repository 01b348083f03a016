package greylist

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"postern/internal/lookup"
	"postern/policyd"
)

func TestNew(t *testing.T) {
	store := NewMemory(MemoryOptions{})
	for _, test := range []struct {
		want string
		o    Options
	}{
		{"greylist: the store of triplets is missing", Options{}},
		{"delay 500ms is too short: write 1s at least", Options{Store: store, Delay: 500 * time.Millisecond}},
		{"delay -1s is too short", Options{Store: store, Delay: -time.Second}},
		{"retry_window 1m0s is not longer than delay 1m0s", Options{Store: store, RetryWindow: time.Minute}},
		{"the lifetime of what passed is too short", Options{Store: store, PassLifetime: time.Second}},
		{"the lifetime of what passed is too short", Options{Store: store, AutoPassLifetime: time.Second}},
		{"auto_pass 101 is out of range: write 1 to 100 messages, or -1 for never", Options{Store: store, AutoPass: 101}},
		{"auto_pass -2 is out of range", Options{Store: store, AutoPass: -2}},
		{"ipv4_prefix 33 is no length", Options{Store: store, IPv4Bits: 33}},
		{"ipv6_prefix -1 is no length", Options{Store: store, IPv6Bits: -1}},
		{`pools: "a@b.example" is no domain: write example.com`, Options{Store: store, Pools: []string{"a@b.example"}}},
		{`pools: ".b.example" is no domain`, Options{Store: store, Pools: []string{".b.example"}}},
		{`skip_clients: "192.0.2.0/24" is no domain`, Options{Store: store, SkipClientDomains: []string{"192.0.2.0/24"}}},
		{`skip_senders: "" is no domain`, Options{Store: store, SkipSenders: []string{""}}},
	} {
		if _, err := New(test.o); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, want %s", err, test.want)
		}
	}
}

// TestChain: what a later check refuses is no pass, and a deferred attempt
// reaches no later check.
func TestChain(t *testing.T) {
	each(t, func(t *testing.T, s Store, clock *clock) {
		asked := 0
		count := checkFunc(func(*policyd.Request) { asked++ })
		p := chain(newCheck(t, Options{Store: s, AutoPass: 2}), count, refusal("bad@mine.example"))
		judge := func(recipient, instance, want string) {
			t.Helper()
			d, err := p.Judge(t.Context(), request(t, "192.0.2.1", "a@b.example", recipient, "instance="+instance))
			if err != nil || d.Action.Name() != want {
				t.Errorf("%s: %s, %v; want %s", recipient, d.Action, err, want)
			}
		}
		judge("bad@mine.example", "1", "defer_if_permit")
		judge("user@mine.example", "1", "defer_if_permit")
		if asked != 0 {
			t.Error("a later check was asked about a deferred attempt")
		}
		clock.add(time.Minute)
		for i := range 5 {
			judge("bad@mine.example", fmt.Sprint("2", i), "reject")
		}
		judge("user@mine.example", "3", "dunno")
		judge("new@mine.example", "4", "defer_if_permit")
		judge("user@mine.example", "5", "dunno")
		judge("other@mine.example", "6", "dunno") // trusted
	})
}

type checkFunc func(*policyd.Request)

func (f checkFunc) Check(_ context.Context, q *policyd.Request) (policyd.Verdict, error) {
	f(q)
	return policyd.Verdict{}, nil
}

// TestShadow: nobody comes again, so what would have waited is learned, without
// a pass of its network.
func TestShadow(t *testing.T) {
	each(t, func(t *testing.T, s Store, clock *clock) {
		p := chain(newCheck(t, Options{Store: s, AutoPass: 2}))
		p.Default[0].Mode = policyd.Shadow
		var got []string
		for i, sender := range []string{"a@1.example", "a@2.example", "a@3.example", "a@1.example", "a@1.example", "a@4.example"} {
			clock.add(time.Second)
			d, err := p.Judge(t.Context(), request(t, "192.0.2.1", sender, "user@mine.example", fmt.Sprint("instance=", i)))
			if err != nil || !d.Action.IsDunno() {
				t.Fatal(d, err)
			}
			shadow := "passes"
			if len(d.Shadows) > 0 {
				shadow = d.Shadows[0].Rule
			}
			got = append(got, shadow)
		}
		if want := "first_seen first_seen first_seen passes passes passes"; strings.Join(got, " ") != want {
			t.Errorf("%v, want %s", got, want)
		}
	})
}

// TestStoreAway: all mail passes, which is counted and logged once.
func TestStoreAway(t *testing.T) {
	log, text := logger()
	metrics := NewMetrics(prometheus.NewRegistry())
	memory := NewMemory(MemoryOptions{})
	store, clock := &switched{Store: memory}, newClock()
	for _, autoPass := range []int{5, -1} {
		p := chain(newCheck(t, Options{Store: store, AutoPass: autoPass, Metrics: metrics, Log: log, Now: clock.Now}))
		judge := func(want string) {
			t.Helper()
			d, err := p.Judge(t.Context(), request(t, "192.0.2.1", fmt.Sprintf("a@%d.example", autoPass), "user@mine.example"))
			if err != nil || d.Action.Name() != want {
				t.Errorf("%s, %v; want %s", d.Action, err, want)
			}
		}
		before := testutil.ToFloat64(metrics.storeErrors)
		text.Take()
		store.err = errAway
		for range 3 {
			judge("dunno")
		}
		if n := testutil.ToFloat64(metrics.storeErrors) - before; n != 3 {
			t.Errorf("%v errors counted, want 3", n)
		}
		if n := strings.Count(text.String(), "level=WARN"); n != 1 || !strings.Contains(text.String(), "connection refused") {
			t.Errorf("log: %s", text)
		}
		store.err = nil
		judge("defer_if_permit")
		store.err = errAway
		judge("dunno")
		store.err = nil
		clock.add(calm - 1)
		judge("defer_if_permit")
		if n := strings.Count(text.String(), "msg="); n != 1 {
			t.Errorf("log of trouble that comes and goes: %s", text)
		}
		clock.add(1)
		judge("defer_if_permit")
		judge("defer_if_permit")
		if n := strings.Count(text.String(), "answers again"); n != 1 {
			t.Errorf("log: %s", text)
		}
		store.err = errAway
		judge("dunno")
		store.err = nil
		clock.add(-time.Hour) // set back, and calm since for all that is known
		judge("defer_if_permit")
		if n := strings.Count(text.String(), "answers again"); n != 2 {
			t.Errorf("log: %s", text)
		}
	}
}

// switched is a store that is away while err is set.
type switched struct {
	Store
	err     error
	onlyPut bool // Judge works
}

func (s *switched) Judge(ctx context.Context, v Visit, t Terms, peek bool) (Standing, error) {
	if s.err != nil && !s.onlyPut {
		return Standing{}, s.err
	}
	return s.Store.Judge(ctx, v, t, peek)
}

func (s *switched) Pass(ctx context.Context, v Visit, t Terms) (bool, error) {
	if s.err != nil {
		return false, s.err
	}
	return s.Store.Pass(ctx, v, t)
}

// TestStoreAwayAtTheEnd: mail that waited passes though that cannot be noted.
func TestStoreAwayAtTheEnd(t *testing.T) {
	clock := newClock()
	metrics := NewMetrics(prometheus.NewRegistry())
	store := &switched{Store: NewMemory(MemoryOptions{Now: clock.Now}), err: errAway, onlyPut: true}
	p := chain(newCheck(t, Options{Store: store, Metrics: metrics}))
	for i, want := range []string{"defer_if_permit", "dunno", "dunno"} {
		d, err := p.Judge(t.Context(), request(t, "192.0.2.1", "a@b.example", "user@mine.example", fmt.Sprint("instance=", i)))
		if err != nil || d.Action.Name() != want {
			t.Errorf("%d: %s, %v; want %s", i, d.Action, err, want)
		}
		clock.add(time.Minute)
	}
	if n := testutil.ToFloat64(metrics.storeErrors); n != 2 {
		t.Errorf("%v errors counted, want 2", n)
	}
	store.err = nil
	for _, instance := range []string{"instance=9", "instance=10"} { // the second was known
		if _, err := p.Judge(t.Context(), request(t, "192.0.2.1", "a@b.example", "user@mine.example", instance)); err != nil {
			t.Error(err)
		}
	}
	if n := testutil.ToFloat64(metrics.retries); n != 1 {
		t.Errorf("%v retries counted, want 1", n)
	}
}

// TestMapTrouble is trouble of the check: its fail setting decides.
func TestMapTrouble(t *testing.T) {
	for want, recipients := range map[string]lookup.Map{
		`greylist: whether "user@mine.example" is greylisted: no database`: lookup.Func(func(context.Context, string) (string, bool, error) {
			return "", false, errors.New("no database")
		}),
		`greylist: value of "user@mine.example": "maybe": write yes or no`: pairs([]string{"user@mine.example=maybe"}),
		`greylist: value of "@mine.example": "1": write yes or no`:         pairs([]string{"@mine.example=1"}),
	} {
		c := newCheck(t, Options{Store: NewMemory(MemoryOptions{}), Recipients: recipients})
		v, err := c.Check(t.Context(), request(t, "192.0.2.1", "a@b.example", "user@mine.example"))
		if err == nil || err.Error() != want || !v.Action.IsDunno() {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestOwnerTrouble: a recipient whose target is not known stands for itself.
func TestOwnerTrouble(t *testing.T) {
	for name, owner := range map[string]func(context.Context, string) ([]string, error){
		"error":   func(context.Context, string) ([]string, error) { return []string{"x@y"}, errors.New("no database") },
		"nothing": func(context.Context, string) ([]string, error) { return nil, nil },
		"nil":     nil,
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheck(t, Options{Store: NewMemory(MemoryOptions{}), Owner: owner, Delimiter: "+"})
			if got := c.owner(t.Context(), "User+Tag@Mine.example"); got != "user@mine.example" {
				t.Errorf("owner %q", got)
			}
		})
	}
}

// TestExplain: nothing is left behind, and all is told but to the sender.
func TestExplain(t *testing.T) {
	each(t, func(t *testing.T, s Store, clock *clock) {
		spf := "b.example"
		c := newCheck(t, Options{
			Store: s, AutoPass: 3,
			SenderDomain: func(context.Context, *policyd.Request) (string, bool) { return spf, true },
			Owner:        func(context.Context, string) ([]string, error) { return []string{"secret@home.example"}, nil },
		})
		p := chain(c)
		explain := func(want string) {
			t.Helper()
			d, err := p.Explain(t.Context(), request(t, "192.0.2.1", "a@b.example", "user@mine.example", "instance="))
			if err != nil || len(d.Steps) == 0 {
				t.Fatal(d, err)
			}
			var notes []string
			for _, step := range d.Steps {
				notes = append(notes, step.Notes...)
			}
			if got := strings.Join(notes, "\n"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if strings.Contains(d.Action.String()+d.Reason, "secret") {
				t.Errorf("tells where the alias leads: %s, %s", d.Action, d.Reason)
			}
		}
		const triplet = `triplet: group spf b.example, sender domain "b.example", recipient secret@home.example
group 192.0.2.0/24: %d messages passed, trusted at 3
group spf b.example: %[1]d messages passed, trusted at 3
`
		for range 2 {
			explain(fmt.Sprintf(triplet, 0) + "not seen before: may pass in 1m0s")
		}
		judge := func(instance string) {
			if _, err := p.Judge(t.Context(), request(t, "192.0.2.1", "a@b.example", "user@mine.example", "instance="+instance)); err != nil {
				t.Fatal(err)
			}
		}
		judge("1")
		clock.add(20 * time.Second)
		explain(fmt.Sprintf(triplet, 0) + "first seen 2026-03-01T12:00:00Z, may pass from 2026-03-01T12:01:00Z, in 40s")
		clock.add(40 * time.Second)
		judge("2")
		explain(fmt.Sprintf(triplet, 1) + "first seen 2026-03-01T12:00:00Z, and passed since")
		judge("3")
		judge("4")
		explain("group 192.0.2.0/24 is trusted: 3 of 3 messages passed")
	})
}

// TestRequestIsNotKept: the text of a request is used again after it.
func TestRequestIsNotKept(t *testing.T) {
	store := NewMemory(MemoryOptions{})
	c := newCheck(t, Options{Store: store})
	q := request(t, "192.0.2.1", "a@b.example", "user@mine.example")
	buffer := []byte("a@b.example user@mine.example")
	q.Sender, q.Recipient = unsafe.String(&buffer[0], 11), unsafe.String(&buffer[12], len(buffer)-12)
	if _, err := c.Check(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	copy(buffer, strings.Repeat("x", len(buffer)))
	entries, err := c.Entries(t.Context(), 0)
	if err != nil || len(entries) != 1 || entries[0].Sender != "b.example" || entries[0].Recipient != "user@mine.example" {
		t.Errorf("%+v, %v", entries, err)
	}
}

// TestAllocations: most mail is of trusted networks.
func TestAllocations(t *testing.T) {
	c, q := trustedClient(t)
	if n := testing.AllocsPerRun(1000, func() { mustPass(t, c, q) }); n > 2 {
		t.Errorf("%v allocations, 2 are allowed", n)
	}
}

// trustedClient is a request of a trusted network.
func trustedClient(t testing.TB) (*Check, *policyd.Request) {
	store := NewMemory(MemoryOptions{})
	c := newCheck(t, Options{Store: store, Pools: []string{"pool.example"}, SkipSenders: []string{"skip.example"}})
	if n, err := c.Release(t.Context(), "192.0.2.1", "", ""); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	return c, request(t, "192.0.2.9", "a@b.example", "user@mine.example", "client_name=mx.b.example")
}

func mustPass(t testing.TB, c *Check, q *policyd.Request) {
	v, err := c.Check(t.Context(), q)
	if err != nil || v.Rule != ruleClient || v.Remember != nil {
		t.Fatal(v, err)
	}
}

func BenchmarkTrusted(b *testing.B) {
	c, q := trustedClient(b)
	b.ReportAllocs()
	for b.Loop() {
		mustPass(b, c, q)
	}
}

func BenchmarkFirstSeen(b *testing.B) {
	c := newCheck(b, Options{Store: NewMemory(MemoryOptions{})})
	q := request(b, "192.0.2.9", "", "user@mine.example")
	senders := make([]string, 1<<16)
	for i := range senders {
		senders[i] = fmt.Sprintf("a@%d.example", i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		q.Sender = senders[i%len(senders)]
		if _, err := c.Check(b.Context(), q); err != nil {
			b.Fatal(err)
		}
	}
}

func TestSpoken(t *testing.T) {
	var got []string
	for _, d := range []time.Duration{time.Millisecond, time.Second, 1001 * time.Millisecond, 2 * time.Minute, 2*time.Minute + 1, time.Hour} {
		got = append(got, spoken(d))
	}
	if want := []string{"1 second", "1 second", "2 seconds", "120 seconds", "3 minutes", "60 minutes"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestBouncesToSRS: a bounce that somebody expects does not wait, however the
// null sender is written; other mail to that address does.
func TestBouncesToSRS(t *testing.T) {
	c := newCheck(t, Options{
		Store:        NewMemory(MemoryOptions{}),
		SRSRecipient: func(context.Context, string) bool { return true },
	})
	for sender, waits := range map[string]bool{"": false, "<>": false, "a@b.example": true} {
		v, err := c.Check(t.Context(), request(t, "192.0.2.1", sender, "SRS0=x@mine.example"))
		if err != nil || v.Action.Refuses() != waits {
			t.Errorf("sender %q: %v (%v)", sender, v.Action, err)
		}
	}
}

// TestSPFThatDoesNotPass: the domain of such mail is anybody's, so its group is
// the client's network.
func TestSPFThatDoesNotPass(t *testing.T) {
	for pass, want := range map[bool]string{true: "group spf b.example,", false: "group 192.0.2.0/24,"} {
		c := newCheck(t, Options{
			Store:        NewMemory(MemoryOptions{}),
			SenderDomain: func(context.Context, *policyd.Request) (string, bool) { return "b.example", pass },
		})
		v, err := c.Check(t.Context(), request(t, "192.0.2.1", "a@b.example", "user@mine.example"))
		if err != nil || !strings.HasPrefix(v.Reason, want) {
			t.Errorf("pass %v: %q (%v), want %q", pass, v.Reason, err, want)
		}
	}
}
