//go:build integration

package e2e

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"math/rand/v2"
	"strings"
	"time"
)

// srsCorpus makes up addresses and requests. The same seed makes the same, but
// for the stamps, which are those of the day.
type srsCorpus struct {
	*rand.Rand
	secrets []string
}

// pick gives one of all.
func (c srsCorpus) pick(all ...string) string { return all[c.IntN(len(all))] }

// key is any address, or what is none.
func (c srsCorpus) key() string {
	switch n := c.IntN(100); {
	case n < 25:
		return c.ordinary()
	case n < 40:
		return c.local() + c.pick("@", "@", "@", "", "@@") + c.domain()
	case n < 55:
		return c.ours0()
	case n < 63:
		return c.ours1()
	case n < 75:
		return c.corrupt(c.pick(c.ours0(), c.ours1()))
	case n < 85:
		return c.foreign()
	case n < 95:
		return c.tokens()
	}
	return c.bytes(c.IntN(60))
}

// ordinary is an address as they are: rewritten and turned back it is itself.
func (c srsCorpus) ordinary() string {
	local := c.pick("user", "Info", "first.last", "a", "list-bounces+user", "x_y", "o'brien", "0", "user+tag", "a/b", "{}", "!#$&*?^`|~", "very.long."+strings.Repeat("x", c.IntN(60)))
	return local + c.pick("@example.net", "@Example.ORG", "@sub.example.org", "@x.org", "@host.local", "@xn--mller-kva.example", "@mail.example.co.uk")
}

// local is an odd local part.
func (c srsCorpus) local() string {
	switch c.IntN(6) {
	case 0:
		return c.pick("", " ", `"a b"`, `"a@b"`, `a\@b`, "a=b", "=", "a==b", "100%", "%41", "müller", "m\xfcller", "\x00", "a\tb", "<>", "SRS0", "SRS1", "srs0x", "SRS2=a", "-a", "+")
	case 1:
		return c.bytes(1 + c.IntN(20))
	case 2:
		return strings.Repeat(c.pick("k", "ab", "=", "ü", "\xff", "%"), c.IntN(30))
	case 3:
		if c.IntN(4) == 0 {
			return strings.Repeat(c.pick("k", "k", "\xff"), c.IntN(1100)) // on the brink of every buffer
		}
	}
	return c.pick("user", "other.user", "User", "u")
}

func (c srsCorpus) domain() string {
	return c.pick("example.com", "EXAMPLE.com", "example.net", "example.com.", "xexample.com", "sub.example.com", "excluded.example", "EXCLUDED.example",
		"sub.excluded.example", "xexcluded.example", "under.example", "sub.under.example", "a.b.UNDER.example", "", ".", "x", "[192.0.2.1]", "müller.example",
		"a=b.example", "a@b.example", "host:25", "-", "1", strings.Repeat("d", c.IntN(300))+".example")
}

// ours0 is an SRS0 address that may be good: signed with one of the secrets or
// with another, stamped with a day that may be past.
func (c srsCorpus) ours0() string {
	host, user := c.domain(), c.local()
	if c.IntN(3) > 0 {
		user, host, _ = strings.Cut(c.ordinary(), "@")
	}
	stamp := c.stamp()
	return c.tag("0") + c.hash(stamp, host, user) + "=" + stamp + "=" + host + "=" + user + c.home()
}

// ours1 is an SRS1 address that may be good.
func (c srsCorpus) ours1() string {
	host, rest := c.pick("example.net", "Example.ORG", c.domain()), c.pick("=", "+", "-")+c.pick("XjO9=2V=example.org=user", "opaque", c.local())
	return c.tag("1") + c.hash(host, rest) + "=" + host + "=" + rest + c.home()
}

// foreign is an address of another host's SRS, of a form that may be wrong.
func (c srsCorpus) foreign() string {
	return c.pick("SRS", "srs", "Srs") + c.pick("0", "1") + c.pick("=", "+", "-", "=", "", "_") + c.pick("opaque", "HHHH=TT=host=user", "H=host==rest", "=", "", "host", c.local()) + "@" + c.pick("otherdomain.com", c.domain())
}

func (c srsCorpus) tag(n string) string {
	return c.pick("SRS", "SRS", "srs", "SrS") + n + c.pick("=", "=", "+", "-")
}

// home is where an SRS address may be at.
func (c srsCorpus) home() string {
	return c.pick("@example.com", "@example.com", "@EXAMPLE.COM", "", "@", "@foreign.example", "@excluded.example", "@a@b")
}

// stamp is of a day around today.
func (c srsCorpus) stamp() string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	if c.IntN(20) == 0 {
		return c.pick("", "A", "AAA", "21", "a!", "=", "2v", "\xffA")
	}
	day := int(time.Now().Unix()/86400) - c.IntN(30) + 4
	if c.IntN(10) == 0 {
		day = c.IntN(1024)
	}
	stamp := string([]byte{alphabet[day>>5&31], alphabet[day&31]})
	if c.IntN(4) == 0 {
		stamp = strings.ToLower(stamp)
	}
	return stamp
}

// hash signs, mostly as it should be.
func (c srsCorpus) hash(parts ...string) string {
	secret := c.pick(c.secrets...)
	if c.IntN(8) == 0 {
		secret = "another one"
	}
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write(lowerASCII(strings.Join(parts, "")))
	text := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	if c.IntN(4) == 0 {
		text = base64.URLEncoding.EncodeToString(mac.Sum(nil))
	}
	if c.IntN(4) == 0 {
		text = strings.ToLower(text)
	}
	n := []int{4, 4, 4, 8, 20, c.IntN(len(text) + 1)}[c.IntN(6)]
	return text[:n] + c.pick("", "", "", "", "extra")
}

func lowerASCII(s string) []byte {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return b
}

// corrupt changes something somewhere.
func (c srsCorpus) corrupt(s string) string {
	if s == "" {
		return s
	}
	at := c.IntN(len(s))
	switch c.IntN(5) {
	case 0:
		return s[:at] + s[at+1:]
	case 1:
		return s[:at] + c.pick("=", "@", "x", "-", "\x00") + s[at:]
	case 2:
		return s[:at] + string(s[at]^0x20) + s[at+1:]
	case 3:
		return s[:at]
	}
	return s[:at] + c.bytes(1) + s[at+1:]
}

// tokens are the parts of such addresses in any order.
func (c srsCorpus) tokens() string {
	var s strings.Builder
	if c.IntN(2) == 0 {
		s.WriteString(c.tag(c.pick("0", "1")))
	}
	for range c.IntN(9) {
		s.WriteString(c.pick("SRS0", "SRS1", "=", "=", "=", "+", "-", "@", "@example.com", "host.example", "user", c.stamp(), "HHHH", "HHH"))
	}
	return s.String()
}

// bytes are any.
func (c srsCorpus) bytes(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(c.Uint32())
	}
	return string(b)
}

// request asks for a key: quoted as Postfix does, or with as little quoting as
// can be, or wrongly.
func (c srsCorpus) request(key string) string {
	switch n := c.IntN(20); {
	case n < 14:
		return "get " + quoteKey(key, func(b byte) bool { return b > ' ' && b < 0x7f }) + "\n"
	case n < 18:
		return c.pick("get ", "get ", " get ", "get  ") + quoteKey(key, func(b byte) bool { return b != 0 && b != '\r' && b != '\n' }) + c.pick("\n", "\n", "\r\n")
	case n < 19 && len(key) > 0 && len(key) < 100:
		at := c.IntN(len(key))
		return "get " + quoteKey(key[:at], func(b byte) bool { return b > ' ' }) + c.pick("%", "%4", "%4x", "\x00", "\r", "%00") + quoteKey(key[at:], func(b byte) bool { return b > ' ' }) + "\n"
	}
	return c.pick("get ", "get", "GET ", "put ", "", "\t") + strings.Map(oneLine, key) + "\n"
}

func oneLine(r rune) rune {
	if r == '\n' || r == 0 {
		return '?'
	}
	return r
}

// quoteKey quotes what is not plain, and percent signs, with digits of either
// case.
func quoteKey(key string, plain func(byte) bool) string {
	var s strings.Builder
	for i := range len(key) {
		switch b := key[i]; {
		case plain(b) && b != '%':
			s.WriteByte(b)
		default:
			const digits = "0123456789ABCDEF"
			s.Write([]byte{'%', digits[b>>4], digits[b&15] | byte(i&1)<<5})
		}
	}
	return s.String()
}
