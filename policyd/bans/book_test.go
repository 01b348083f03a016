package bans

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"
	"unsafe"
)

// rowsOf is a Range over "key|value" rows.
func rowsOf(rows []string) func(func(key, value string) bool) { return tableOf(rows...).Range }

func TestSeveralRowsOfOneTarget(t *testing.T) {
	at := func(d time.Duration) string { return fmt.Sprint(noon().Add(d).UnixMicro()) }
	tests := []struct {
		name string
		rows []string
		want string // reason at noon
	}{
		{"the later end", []string{"name:x|" + at(time.Hour) + " hour", "name:x|" + at(time.Minute) + " minute"}, "hour"},
		{"for ever", []string{"name:x|" + at(time.Hour) + " hour", "name:x|- ever"}, "ever"},
		{"one is over", []string{"name:x|" + at(-time.Hour) + " over", "name:x|" + at(time.Minute) + " minute"}, "minute"},
		{"both are over", []string{"name:x|" + at(-time.Hour) + " over", "name:x|" + at(-time.Minute) + " over"}, ""},
		{"equally long", []string{"name:x|- b", "name:x|- a"}, "a"},
		{"two spellings", []string{"name: X |" + at(time.Minute) + " minute", "name:x|" + at(time.Hour) + " hour"}, "hour"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for range 2 { // in either order
				got := ""
				if e := newBook(1, rowsOf(tt.rows)).name("x", noon()); e != nil {
					got = e.Reason
				}
				if got != tt.want {
					t.Errorf("%q, want %q", got, tt.want)
				}
				slices.Reverse(tt.rows)
			}
		})
	}
}

func TestNearestActiveDomain(t *testing.T) {
	over := fmt.Sprint(noon().UnixMicro())
	b := newBook(1, rowsOf([]string{
		"domain:example.net|- outer", "domain:b.example.net|- inner", "domain:c.example.net|" + over + " over",
		"domain:com|- suffix alone", "domain:org|- alone", "domain:*.org|- all",
	}))
	for name, want := range map[string]string{
		"example.net": "outer", "a.example.net": "outer", "b.example.net": "inner", "x.y.b.example.net": "inner",
		"x.c.example.net": "outer", "net": "", "notexample.net": "", "example.net.x": "", "": "", ".": "", "..example.net": "outer",
		"com": "suffix alone", "example.com": "", "org": "alone", "example.org": "all",
	} {
		got := ""
		if e := b.domain(name, noon()); e != nil {
			got = e.Reason
		}
		if got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestAnExpiredNetworkHidesNothing(t *testing.T) {
	over, soon := fmt.Sprint(noon().UnixMicro()), fmt.Sprint(noon().Add(time.Minute).UnixMicro())
	b := newBook(1, rowsOf([]string{
		"ip:10.0.0.0/8|- eight", "ip:10.1.0.0/16|" + over + " over", "ip:10.1.2.0/24|" + soon + " a minute", "ip:10.1.2.3|" + over + " over",
		"ip:2001:db8::/32|- six", "ip:2001:db8::1|" + over + " over", "ip:192.0.2.0/24|" + over + " over",
	}))
	for _, tt := range []struct {
		address string
		after   time.Duration
		want    string
	}{
		{"10.1.2.3", 0, "a minute"}, {"10.1.2.4", 0, "a minute"}, {"10.1.2.3", time.Minute, "eight"}, {"10.1.3.1", 0, "eight"},
		{"10.2.0.1", 0, "eight"}, {"11.0.0.1", 0, ""}, {"2001:db8::1", 0, "six"}, {"2001:db9::1", 0, ""}, {"192.0.2.1", 0, ""},
	} {
		got := ""
		if e := b.ip(netip.MustParseAddr(tt.address), noon().Add(tt.after)); e != nil {
			got = e.Reason
		}
		if got != tt.want {
			t.Errorf("%s after %v: %q, want %q", tt.address, tt.after, got, tt.want)
		}
	}
	if e := b.ip(netip.Addr{}, noon()); e != nil {
		t.Errorf("no address: %v", e)
	}
}

// TestNetworksConform compares the tree with a look at every ban in turn.
func TestNetworksConform(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	address := func() netip.Addr {
		if random.IntN(2) == 0 {
			return netip.AddrFrom4([4]byte{10, byte(random.IntN(4)), byte(random.IntN(4)), byte(random.IntN(256))})
		}
		b := [16]byte{0: 0x20, 1: 1, 2: byte(random.IntN(4)), 7: byte(random.IntN(4)), 15: byte(random.IntN(256))}
		return netip.AddrFrom16(b)
	}
	type ban struct {
		network netip.Prefix
		expires time.Time // zero: never
	}
	for round := range 20 {
		var all []ban
		var rows []string
		for range 300 {
			a := address()
			n := netip.PrefixFrom(a, 8+random.IntN(a.BitLen()-7))
			e := time.Time{}
			value := "- x"
			if random.IntN(3) > 0 {
				e = noon().Add(time.Duration(random.IntN(7)-3) * time.Hour)
				value = fmt.Sprint(e.UnixMicro(), " x")
			}
			all = append(all, ban{n.Masked(), e})
			rows = append(rows, "ip:"+n.String()+"|"+value)
		}
		b := newBook(1, rowsOf(rows))
		for range 2000 {
			a, now := address(), noon().Add(time.Duration(random.IntN(9)-4)*time.Hour)
			want := netip.Prefix{}
			for _, one := range all {
				active := one.expires.IsZero() || now.Before(one.expires)
				if active && one.network.Contains(a) && (!want.IsValid() || one.network.Bits() > want.Bits()) {
					want = one.network
				}
			}
			e := b.ip(a, now)
			switch {
			case (e != nil) != want.IsValid():
				t.Fatalf("round %d: %v at %v: %v, want %v", round, a, now, e, want)
			case e != nil && e.target != want.String() && e.target != want.Addr().String():
				t.Fatalf("round %d: %v at %v: %v, want %v", round, a, now, e.target, want)
			}
		}
	}
}

// TestBookKeepsNothingOfTheRows: the table's memory is used again.
func TestBookKeepsNothingOfTheRows(t *testing.T) {
	c := newCheck(t, &reusing{}, nil)
	for _, q := range []string{"sender=a@spam.example", "client_address=192.0.2.1", "sender=a@b.example", "protocol_state=RCPT recipient=x@example.org"} {
		v, err := c.Check(t.Context(), request(t, q))
		if err != nil || v.Action.IsDunno() || v.Reason[len(v.Reason)-3:] != "why" {
			t.Errorf("%s: %+v, %v", q, v, err)
		}
	}
}

// reusing yields rows in one buffer that it overwrites, as no table does but as
// it may.
type reusing struct{}

func (reusing) Generation() uint64 { return 1 }

func (reusing) Range(yield func(key, value string) bool) {
	buffer := make([]byte, 100)
	for _, key := range []string{"domain:spam.example", "ip:192.0.2.1", "email:a@b.example", "name:x", "domain:co.uk"} {
		n := copy(buffer, key)
		m := copy(buffer[n:], "- why")
		yield(text(buffer[:n]), text(buffer[n:n+m]))
		clear(buffer)
	}
}

func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
