package bans

import (
	"strings"
	"testing"

	"postern/internal/lookup"
)

func TestParseTarget(t *testing.T) {
	long := strings.Repeat("a", 63)
	tests := []struct {
		kind Kind
		text string
		want string // the target, "!" and a part of the problem, or "" for ignored
		note string
	}{
		{Domain, "example.com", "example.com", ""},
		{Domain, " Example.COM. ", "example.com", ""},
		{Domain, "@example.com", "example.com", ""},
		{Domain, "*.example.com", "example.com", ""},
		{Domain, ".example.com", "example.com", ""},
		{Domain, "@*.example.com", "example.com", ""},
		{Domain, "_dmarc.example.com", "_dmarc.example.com", ""},
		{Domain, "bücher.example", "xn--bcher-kva.example", ""},
		{Domain, "BÜCHER。example", "xn--bcher-kva.example", ""},
		{Domain, "xn--bcher-kva.example", "xn--bcher-kva.example", ""},
		{Domain, "localhost", "=localhost", "public suffix"},
		{Domain, "com", "=com", "public suffix"},
		{Domain, "CO.UK.", "=co.uk", "public suffix"},
		{Domain, "@co.uk", "=co.uk", "public suffix"},
		{Domain, "*.co.uk", "co.uk", "all domains below"},
		{Domain, "kobe.jp", "kobe.jp", ""}, // *.kobe.jp is on the list, kobe.jp is not
		{Domain, "github.io", "github.io", ""},
		{Domain, long + "." + long + "." + long + "." + strings.Repeat("a", 61), long + "." + long + "." + long + "." + strings.Repeat("a", 61), ""},
		{Domain, long + "." + long + "." + long + "." + strings.Repeat("a", 62), "", ""},
		{Domain, long + "a.example", "", ""},
		{Domain, "", "", ""},
		{Domain, " \t ", "", ""},
		{Domain, "@", "", ""},
		{Domain, "*.", "", ""},
		{Domain, ".", "", ""},
		{Domain, "a..example", "", ""},
		{Domain, "user@example.com", "", ""},
		{Domain, "a.example, b.example", "", ""},
		{Domain, "https://example.com/", "", ""},
		{Domain, "192.0.2.1", "", ""},
		{Domain, "%", "", ""},
		{Domain, "%.example.com", "", ""},
		{Domain, "ex*mple.com", "", ""},
		{Domain, "exa\x00mple.com", "", ""},
		{Domain, "b\xfccher.example", "", ""},
		{Domain, "NULL", "=null", "public suffix"},

		{Email, "User@Example.COM", "user@example.com", ""},
		{Email, " <user@example.com.> ", "user@example.com", ""},
		{Email, "user+x@example.com", "user+x@example.com", ""},
		{Email, `"john doe"@example.com`, "john doe@example.com", ""},
		{Email, `"a@b"@example.com`, "a@b@example.com", ""},
		{Email, `"a\"b"@example.com`, `a"b@example.com`, ""},
		{Email, `"a\"@example.com`, `a\@example.com`, ""},
		{Email, "ü@bücher.example", "ü@xn--bcher-kva.example", ""},
		{Email, "user@[192.0.2.1]", "user@[192.0.2.1]", ""},
		{Email, "user@localhost", "user@localhost", ""},
		{Email, "user", "", ""},
		{Email, "@example.com", "", ""},
		{Email, "*@example.com", "", ""},
		{Email, "user@", "", ""},
		{Email, "user@exa mple.com", "", ""},
		{Email, "user@192.0.2.1", "", ""},
		{Email, "<>", "", ""},

		{IP, "192.0.2.1", "192.0.2.1", ""},
		{IP, " 192.0.2.1. ", "192.0.2.1", ""},
		{IP, "[192.0.2.1]", "192.0.2.1", ""},
		{IP, "192.0.2.1/32", "192.0.2.1", ""},
		{IP, "192.0.2.77/24", "192.0.2.0/24", ""},
		{IP, "::ffff:192.0.2.1", "192.0.2.1", ""},
		{IP, "::ffff:192.0.2.1/120", "192.0.2.0/24", ""},
		{IP, "2001:DB8::1", "2001:db8::1", ""},
		{IP, "[IPv6:2001:db8::1]", "2001:db8::1", ""},
		{IP, "[2001:db8::1]/64", "2001:db8::/64", ""},
		{IP, "2001:db8::1/32", "2001:db8::/32", ""},
		{IP, "10.0.0.0/7", "10.0.0.0/7", "large part"},
		{IP, "2000::/3", "2000::/3", "large part"},
		{IP, "0.0.0.0/0", "", ""},
		{IP, "::/0", "", ""},
		{IP, "fe80::1%eth0", "", ""},
		{IP, "192.0.2", "", ""},
		{IP, "192.0.2.0/33", "", ""},
		{IP, "192.0.2.1-192.0.2.9", "", ""},
		{IP, "010.0.0.1", "", ""},
		{IP, "mail.example.com", "", ""},
		{IP, "192.0.2.1:25", "", ""},

		{Name, "Admin", "admin", ""},
		{Name, " admin@ ", "admin", ""},
		{Name, "john doe", "john doe", ""},
		{Name, `"john doe"`, "john doe", ""},
		{Name, "MÜLLER", "müller", ""},
		{Name, "admin@example.com", "", ""},
		{Name, "*", "", ""},
		{Name, "", "", ""},
		{Name, "a\nb", "", ""},

		{"", "x", "", ""},
		{"user", "x", "", ""},
	}
	for _, tt := range tests {
		t.Run(string(tt.kind)+" "+tt.text, func(t *testing.T) {
			got, err := parseTarget(tt.kind, lookup.Fold(tt.text)) // as the table has it
			if err != nil {
				got.text = ""
			} else if got.exact {
				got.text = "=" + got.text
			}
			if got.text != tt.want {
				t.Errorf("%q (%v), want %q", got.text, err, tt.want)
			}
			if !strings.Contains(got.note, tt.note) || (tt.note == "") != (got.note == "") {
				t.Errorf("note %q, want %q", got.note, tt.note)
			}
		})
	}
}

// FuzzParseTarget: whatever is in the table, a target that is accepted is one
// that a request can meet, and reading it again changes nothing.
func FuzzParseTarget(f *testing.F) {
	for _, s := range []string{
		"example.com", " @Example.COM. ", "*.co.uk", "bücher.example", "user+x@example.com", `"a\"b"@x.example`,
		"192.0.2.1/24", "[IPv6:2001:db8::1]", "::ffff:192.0.2.1", "0/0", "\x00", "\xff", "..", "@", "*.", "xn--a.example",
	} {
		for _, k := range []string{"email", "domain", "ip", "name", ""} {
			f.Add(k, s)
		}
	}
	f.Fuzz(func(t *testing.T, kind, text string) {
		got, err := parseTarget(Kind(kind), text)
		if err != nil {
			if got != (target{}) {
				t.Errorf("an error with %+v", got)
			}
			return
		}
		b := newBook(1, func(yield func(key, value string) bool) { yield(kind+":"+text, "- x") })
		now := noon()
		switch Kind(kind) {
		case Email:
			local, domain, ok := cutAddress(got.address.local + "@" + got.address.domain)
			if !ok || b.email(got.address, now) == nil {
				t.Errorf("%+v is not banned", got)
			}
			if domain != got.address.domain {
				t.Errorf("a request for %q has domain %q", got.address.domain, domain)
			}
			_ = local // quotes may stand in quotes
		case Domain:
			if b.domain(asciiDomain(got.text), now) == nil {
				t.Errorf("%q is not banned", got.text)
			}
			if below := b.domain("x."+got.text, now); (below == nil) != got.exact && len(got.text) <= maxDomain {
				t.Errorf("below %q: %v", got.text, below)
			}
		case IP:
			if !got.network.IsValid() || got.network != got.network.Masked() || got.network.Addr().Is4In6() && got.network.Bits() >= 96 {
				t.Errorf("network %v", got.network)
			}
			if b.ip(got.network.Addr(), now) == nil {
				t.Errorf("%v is not banned", got.network)
			}
		case Name:
			if b.name(got.text, now) == nil {
				t.Errorf("%q is not banned", got.text)
			}
		default:
			t.Errorf("kind %q was accepted", kind)
		}
		if again, err := parseTarget(Kind(kind), got.text); err != nil && Kind(kind) != Name && Kind(kind) != Email {
			t.Errorf("%q is refused the second time: %v", got.text, err)
		} else if err == nil && Kind(kind) == IP && again.network != got.network {
			t.Errorf("%v became %v", got.network, again.network)
		}
	})
}
