//go:build integration

package e2e

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// twinCase is one mail transaction. Its number is in the mail's subject.
type twinCase struct {
	profile          int // the session it belongs to
	sender, receiver string
	utf8             bool
}

// twinProfiles are the sessions: XCLIENT attributes and HELO name.
var twinProfiles = []struct{ xclient, helo string }{
	{"", "helo.test"},
	{"LOGIN=alice", "mail.helo.test"},
	{"LOGIN=bob NAME=good.bad.client.test ADDR=203.0.113.1", "x.test"},
	{"LOGIN=Carol", "x.test"},
	{"NAME=bad.client.test ADDR=203.0.113.2", "x.test"},
	{"NAME=mail.BAD.client.test ADDR=203.0.113.3", "x.test"},
	{"NAME=[UNAVAILABLE] ADDR=192.0.2.77", "x.test"},
	{"NAME=[UNAVAILABLE] ADDR=198.51.100.7", "x.test"},
	{"NAME=fine.client.test ADDR=IPV6:2001:db8::7", "Evil.Helo.Test"},
	{"NAME=fine.client.test ADDR=198.51.100.8", "sub.evil.helo.test"},
}

// twinCases are n random pairs and the ones picked by hand.
func twinCases(seed uint64, n int) []twinCase {
	c := &caseBuilder{random: rand.New(rand.NewPCG(seed, 2))}
	for range n {
		profile := 0
		if c.random.IntN(4) == 0 {
			profile = 1 + c.random.IntN(3)
		} else if c.random.IntN(8) == 0 {
			profile = 4 + c.random.IntN(len(twinProfiles)-4)
		}
		c.add(profile, c.address(twinDomains()), c.address(c.likely()))
	}
	c.byHand()
	return c.cases
}

type caseBuilder struct {
	random *rand.Rand
	cases  []twinCase
}

func (c *caseBuilder) add(profile int, sender, receiver string) {
	c.cases = append(c.cases, twinCase{profile, sender, receiver, !ascii(sender + receiver)})
}

// likely prefers domains that take mail.
func (c *caseBuilder) likely() []string {
	if c.random.IntN(10) == 0 {
		return twinOther
	}
	return append(twinVirtual, twinRelay...)
}

// address is a local part with or without extension, in any case.
func (c *caseBuilder) address(domains []string) string {
	pick := func(list []string) string { return list[c.random.IntN(len(list))] }
	address := extended(pick(twinLocals), pick(twinTags)) + "@" + pick(domains)
	switch c.random.IntN(5) {
	case 0:
		return strings.ToUpper(address)
	case 1:
		return strings.ToLower(address)
	}
	return address
}

func ascii(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > '~' }) < 0
}

// byHand are the addresses that made trouble somewhere once.
func (c *caseBuilder) byHand() {
	for _, receiver := range []string{
		"postmaster", "Postmaster@a.test", "postmaster+x@a.test", "info", "keep", "user@[127.0.0.1]", "user@[192.0.2.1]", "info@[127.0.0.1]",
		"banned@a.test", "below+x@a.test", "slow@a.test", "loop@a.test", "self+Tag@a.test", "keep+a b@a.test", "keep+Z@a.test",
		`"keep+a,root"@a.test`, `"keep+a%evil"@a.test`, "odd@a.test", "odd+T@a.test", "grp@a.test", "grp+x@a.test", "route+y@a.test", "lit+z@a.test",
		"none@a.test", "bare@a.test", "bare+B@a.test", "dom@a.test", "dom+D@a.test", "two@b.test", "two+tag@b.test", "two+other@b.test", "TWO+TAG@B.TEST",
		"first@a.test", "first+keep@a.test", "first+x@a.test", "multi@a.test", "nobody@a.test", "nobody+x@a.test", "nobody@c.test", "nobody@b.test",
		"nobody@sub.a.test", "nobody@origin.test", "a%far.test@a.test", "far.test!a@a.test", "a%b.test@origin.test", "@b.test:two@a.test",
		`""@a.test`, "@a.test", "two@b.test.", "two@B.test", "two@", "<two@b.test>", `"two"@b.test`, `two\@b.test`, "a..b@a.test", ".x@a.test",
		"refused@a.test", "refused+t@a.test", "later@a.test", "moved@a.test", "moved+q@a.test", "lost@a.test", "any@loc.test", "any+x@loc.test",
		"who@loc.test", "u@xrelay.test", "u@x.y.relay.test", "u@relay.test", "u@test", "ü@a.test", "Ü+Ü@a.test", "äöü@far.test", "u@bücher.test",
		"both@far.test", "x@deep.er.relay.test", strings.Repeat("l", 64) + "@a.test", strings.Repeat("l", 200) + "+e@a.test", "--@a.test", "+@a.test", "+x@a.test",
		"*@a.test", "%@a.test", "_nder@a.test", "'@a.test", `"'; DROP TABLE rows_; --"@a.test`, `"back\\slash"@a.test`, "nul@a.test",
	} {
		c.add(0, "s@plain.test", receiver)
	}
	for _, sender := range []string{
		"", "once@far.test", "once+E@far.test", "ring1@far.test", "both@far.test", "u@evil.far.test", "u@sub.evil.far.test", "spam@any.test",
		"spam+tag@any.test", "spam+other@any.test", "SPAM@ANY.TEST", "postmaster", "double-bounce", "@a.test", "info@[192.0.2.1]",
		`""@a.test`, "u%far.test@a.test", "@r.test:once@far.test", "once@far.test.", "shared@a.test", "shared+x@a.test", "Shared@A.test",
		"shared@b.test", "any@b.test", "mine@a.test", `"john doe"@far.test`, `"john doe"@b.test`, `"john doe+x"@b.test`, "ü@a.test", "owner-list+x@far.test",
	} {
		for profile := range 3 {
			c.add(profile, sender, fmt.Sprintf("first+p%d@a.test", profile))
		}
	}
	for profile := range twinProfiles {
		c.add(profile, "s@plain.test", "two@b.test")
	}
}
