//go:build integration

package keysearch_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"postern/internal/keysearch"
	"postern/internal/lookup"
)

// tables holds rows by table and folded key.
type tables map[string]map[string]string

func (t tables) add(table, key, value string) {
	if t[table] == nil {
		t[table] = map[string]string{}
	}
	t[table][lookup.Fold(key)] = value
}

// testCase is one mail transaction; everything that it needs in a table is
// there for it alone, since its domain and its local part hold its number.
type testCase struct {
	name             string
	xclient, helo    string
	sender, receiver string // as between the brackets of MAIL and RCPT
}

// pattern is a local part; # stands for the number of the case. Each is given
// as SMTP spells it, and as it is without quotes.
type pattern struct {
	whole, wholeBare string
	cut, cutBare     string // without the extension; empty if it has none
}

var patterns = []pattern{
	{whole: "u#"},
	{whole: "U#+Tag", cut: "u#"},
	{whole: "u#+", cut: "u#"},
	{whole: "+u#"},
	{whole: "u#+A+b", cut: "u#"},
	{whole: "u#-x+Y", cut: "u#"},
	{whole: "owner-u#"},
	{whole: "u#-request"},
	{whole: "owner-u#+x"},
	{whole: "u#+a%evil.test", cut: "u#"},
	{whole: "u#+evil.test!a", cut: "u#"},
	{whole: `"U# X"`, wholeBare: "u# x"},
	{whole: `"u#+a B"`, wholeBare: "u#+a b", cut: "u#"},
	{whole: `"u# x+aB"`, wholeBare: "u# x+ab", cut: `"u# x"`, cutBare: "u# x"},
	{whole: `"u#@x+Y"`, wholeBare: "u#@x+y", cut: `"u#@x"`, cutBare: "u#@x"},
	{whole: `"u#\"q+z"`, wholeBare: `u#"q+z`, cut: `"u#\"q"`, cutBare: `u#"q`},
	{whole: `"u#..z+q"`, wholeBare: "u#..z+q", cut: `"u#..z"`, cutBare: "u#..z"},
	{whole: `"u#+,root,"`, wholeBare: "u#+,root,", cut: "u#"},
	{whole: "straße#+Ä", cut: "straße#"},
}

// fill puts the number of a case into a pattern.
func (p pattern) fill(id string) pattern {
	for _, s := range []*string{&p.whole, &p.wholeBare, &p.cut, &p.cutBare} {
		*s = strings.ReplaceAll(*s, "#", id)
	}
	return p
}

// candidates are all keys that might be asked for a local part at a domain of
// its own (own) or one that all cases share, and some that should not be.
func (p pattern) candidates(domain string, own bool) []string {
	var keys []string
	for _, local := range []string{p.whole, p.wholeBare, p.cut, p.cutBare} {
		if local != "" {
			keys = append(keys, local+"@"+domain, local, local+"@")
		}
	}
	if own {
		_, parent, _ := strings.Cut(domain, ".")
		keys = append(keys, "@"+domain, domain, "."+domain, parent, "."+parent, "@"+parent)
	}
	return keys
}

// aliasValues are values of rewriting tables, good and bad.
var aliasValues = []string{
	"v@t.test", "a@t.test,b@t.test", "a@t.test b@t.test", `"x y"@t.test`, "x", "x%y.test", "y.test!x", "x%y%z.test",
	"@new.test", "A B <a@t.test>, (c) b@t.test", "g: a@t.test, b@t.test; c@t.test", "<@r.test,@s.test:a@t.test>",
	"@new.test, z@t.test", "a@t.test.", "a@[192.0.2.1]", "(none)", `"a,b"@t.test`, ":x@t.test", "x.", "<a@t.test",
	`a@"t test"`, "a@t", "|x@t.test", "a+b@t.test", `"a%b"`, `"a!b"`, "a;b@t.test", "a@b@t.test", `a\,b@t.test`, ",",
	`<a@t.test,b>`, `<a b "c" "d"@t.test>`, "@", `""@t.test`, "a@t.test (x", `"open@t.test`, "d1.test!d2.test!x", "a . b @ t . test", ".x@t.test",
	"postmaster", "ä@t.test", "a@t.test\tb@t.test", `"a\"b\\c"@t.test`,
}

// builder numbers the cases and keeps their rows.
type builder struct {
	rows   tables
	cases  []testCase
	random *rand.Rand
	number int
}

func newBuilder(seed uint64) *builder {
	return &builder{rows: tables{}, random: rand.New(rand.NewPCG(seed, 0))}
}

// kind is how the rows of one table are used by a transaction.
type kind struct {
	name   string
	tables []string // a row goes to one of them
	value  func(b *builder, n int) string
	sender bool // the address is the sender
	own    bool // only at domains of the case's own
	login  string
	also   string // a table where the receiver's domain has a row, so that it is accepted
}

func via(format string) func(*builder, int) string {
	return func(_ *builder, n int) string { return fmt.Sprintf(format, n) }
}

// alias is a value of the list or, every second time, a jumble.
func alias(b *builder, _ int) string {
	if b.random.IntN(2) == 0 {
		return aliasValues[b.random.IntN(len(aliasValues))]
	}
	pieces := strings.Split(`a|b|c|a@t.test|b@t.test|t.test|@|@|.|,|;|:|<|>|(|)|"|\|[|]|%|!| | |"a b"|[192.0.2.1]|+|<a@t.test>|é`, "|")
	var value strings.Builder
	for range 2 + b.random.IntN(7) {
		value.WriteString(pieces[b.random.IntN(len(pieces))])
	}
	// A null address with an extension is a known limit of the package.
	v := strings.TrimSpace(value.String())
	if addresses, err := keysearch.ParseAddresses(v); v == "" || err == nil && slices.Contains(addresses, `""`) {
		return "a@t.test"
	}
	return v
}

var kinds = []kind{
	{name: "recipient access", tables: []string{"access"}, value: via("REJECT via %d"), own: true},
	{name: "sender access", tables: []string{"access"}, value: via("REJECT via %d"), sender: true, own: true},
	{name: "virtual", tables: []string{"virtual1", "virtual2"}, value: alias},
	{name: "recipient canonical", tables: []string{"rcanon"}, value: alias, also: "relayrcpt"},
	{name: "sender canonical", tables: []string{"scanon"}, value: alias, sender: true},
	{name: "transport", tables: []string{"transport"}, value: via("error:5.7.1 via %d"), own: true},
	{name: "relay recipient", tables: []string{"relayrcpt"}, value: via("x%d")},
	{name: "bcc", tables: []string{"bcc"}, value: via("bcc%d@t.test"), also: "relayrcpt"},
	{name: "login", tables: []string{"login"}, sender: true, login: "me", value: func(b *builder, _ int) string {
		return []string{"me", "other", "other, me", "ME"}[b.random.IntN(4)]
	}},
	{name: "no login", tables: []string{"login"}, sender: true, value: via("owner%d")},
}

// addresses builds, for every kind and every so-manyeth pattern, a case for
// each key alone and some with several keys at once.
func (b *builder) addresses(every int) {
	for _, k := range kinds {
		for i, p := range patterns {
			if i%every != 0 {
				continue
			}
			b.both(k, p, "h.c#.relay.test", true)
			if !k.own {
				b.both(k, p, "h.c#.local.test", true)
				b.both(k, p, []string{"origin.test", "[127.0.0.1]"}[i%2], false)
			}
		}
	}
}

func (b *builder) both(k kind, p pattern, domain string, own bool) {
	keys := len(p.candidates(domain, own))
	for n := range keys {
		if b.random.IntN(4) == 0 {
			b.one(k, p, domain, own, []int{n})
		}
	}
	for i := range 3 {
		b.one(k, p, domain, own, b.random.Perm(keys)[:keys/(2+i/2)])
	}
}

// one builds a case whose rows are the chosen candidates.
func (b *builder) one(k kind, p pattern, domain string, own bool, chosen []int) {
	b.number++
	id := fmt.Sprint(b.number)
	p, domain = p.fill(id), strings.ReplaceAll(domain, "#", id)
	keys := p.candidates(domain, own)
	var shown []string
	for _, n := range chosen {
		table := k.tables[b.random.IntN(len(k.tables))]
		value := k.value(b, n)
		b.rows.add(table, keys[n], value)
		shown = append(shown, fmt.Sprintf("%s[%s]=%s", table, keys[n], value))
	}
	if k.also != "" && own {
		b.rows.add(k.also, "@"+domain, "x")
	}
	c := testCase{receiver: p.whole + "@" + domain, sender: "s" + id + "@sender.test"}
	if k.sender {
		c = testCase{sender: p.whole + "@" + domain, receiver: "ok@accept.relay.test"}
	}
	if k.login != "" {
		c.xclient = "LOGIN=" + k.login
	}
	c.name = fmt.Sprintf("%s: <%s> to <%s>, %s", k.name, c.sender, c.receiver, strings.Join(shown, " "))
	b.cases = append(b.cases, c)
}

// hosts builds the cases of clients, HELO names and relay domains.
func (b *builder) hosts() {
	for _, key := range []string{"mail.c1.client.test", "c2.client.test", ".c3.client.test", "192.0.2.1", "198.51.100",
		"203.0", "100", "2001:db8::1", "2001:db8:1:", "2001:db8:2", "2001:db9", "::2", "fe80"} {
		b.rows.add("client", key, "REJECT via "+key)
	}
	names := []string{"mail.c1.client.test", "Mail.C1.Client.Test", "mail.c2.client.test", "c2.client.test",
		"mail.c3.client.test", "c3.client.test", "192.0.2.1.client.test"}
	for _, name := range names {
		b.host("NAME="+name+" ADDR=10.9.9.9", "helo.test")
	}
	addresses := []string{"192.0.2.1", "192.0.2.10", "198.51.100.7", "198.51.10.7", "203.0.113.9", "203.1.113.9", "100.1.2.3",
		"IPV6:2001:db8::1", "IPV6:2001:db8:1::5", "IPV6:2001:db8:2::5", "IPV6:2001:db9::7", "IPV6:::2", "IPV6:fe80::7"}
	for _, address := range addresses {
		b.host("NAME=[UNAVAILABLE] ADDR="+address, "helo.test")
	}
	b.helos()
	for _, key := range []string{"r1.test", "sub.r2.test", ".r3.test", "c"} {
		b.rows.add("relay", key, "x")
	}
	for _, domain := range []string{"r1.test", "R1.Test", "a.r1.test", "a.b.r1.test", "r2.test", "sub.r2.test", "a.sub.r2.test",
		"r3.test", "a.r3.test", "a.b.c", "xr1.test", "[192.0.2.1]"} {
		b.cases = append(b.cases, testCase{name: "relay domain " + domain, sender: "s@sender.test", receiver: "u@" + domain})
	}
}

func (b *builder) helos() {
	for _, key := range []string{"mail.h1.test", "h2.test", ".h3.test", "[192.0.2.5]", "2.6]", "192.0.2.7", "[ipv6:2001:db8::9]", "h4.test."} {
		b.rows.add("helo", key, "REJECT via "+key)
	}
	for _, name := range []string{"mail.h1.test", "MAIL.H1.Test", "a.h1.test", "h2.test", "a.b.h2.test", "a.h3.test", "h3.test",
		"[192.0.2.5]", "[192.0.2.6]", "192.0.2.7", "192.0.2.8", "[IPv6:2001:db8::9]", "a.h4.test.", "h4.test", "h4.test.", "x..h2.test", ".", "h2"} {
		b.host("NAME=client.test ADDR=10.9.9.9", name)
	}
}

func (b *builder) host(xclient, helo string) {
	b.cases = append(b.cases, testCase{name: "host: " + xclient + " " + helo, xclient: xclient, helo: helo,
		sender: "s@sender.test", receiver: "ok@accept.relay.test"})
}

// oddities builds cases by hand.
func (b *builder) oddities() {
	b.rows.add("access", "<>", "REJECT via null")
	b.rows.add("scanon", `""`, "null@t.test")
	b.rows.add("relay", "relay.test", "x")
	b.rows.add("relayrcpt", "ok@accept.relay.test", "x")
	b.rows.add("virtual1", "postmaster@pm.relay.test", "pm@t.test")
	b.rows.add("virtual1", "self@pm.relay.test", "self@pm.relay.test, other@t.test")
	b.rows.add("virtual2", "@all.relay.test", "@pm.relay.test")
	b.rows.add("virtual1", "loop@pm.relay.test", "@all.relay.test")
	for _, a := range []struct{ sender, receiver string }{
		{"", "ok@accept.relay.test"}, {"s@sender.test", "postmaster"}, {"s@sender.test", "postmaster+X@pm.relay.test"},
		{"s@sender.test", "Postmaster@pm.relay.test"}, {"s@sender.test", "self+Tag@pm.relay.test"},
		{"s@sender.test", "self+Tag@all.relay.test"}, {"s@sender.test", "@r.test:self+Tag@pm.relay.test"},
		{"s@sender.test", "nobody@all.relay.test"}, {"s@sender.test", "ok@accept.relay.test."},
		{"s@sender.test", "self%pm.relay.test"}, {"s@sender.test", "pm.relay.test!self+Z"}, {"s@sender.test", "user@"},
		{"s@sender.test", `""@pm.relay.test`}, {"s@sender.test", "@pm.relay.test"}, {"double-bounce", "ok@accept.relay.test"},
	} {
		b.cases = append(b.cases, testCase{name: "oddity: <" + a.sender + "> to <" + a.receiver + ">",
			sender: a.sender, receiver: a.receiver})
	}
}
