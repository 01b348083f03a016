package main

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"postern/internal/store"
)

func TestParseBanTarget(t *testing.T) {
	long := strings.Repeat("a", 64)
	tests := []struct{ kind, in, want string }{
		{"", "example.com", "domain:example.com"},
		{"", "Example.COM.", "domain:example.com"},
		{"", "@Example.com", "domain:example.com"},
		{"", " mail_1.ex-ample.com ", "domain:mail_1.ex-ample.com"},
		{"", "BÜCHER.example", "domain:xn--bcher-kva.example"},
		{"", "straße.example", "domain:xn--strae-oqa.example"},
		{"", "परीक्षा.example", "domain:xn--11b5bs3a9aj6g.example"},
		{"", "*.co.uk", "domain:co.uk"},
		{"domain", "localhost", "domain:localhost"},
		{"", "User+Tag@Example.COM", "email:user+tag@example.com"},
		{"", "a@b@example.com", "email:a@b@example.com"},
		{"", "José@BÜCHER.example.", "email:josé@xn--bcher-kva.example"},
		{"", "user@localhost", "email:user@localhost"},
		{"", "192.0.2.1", "ip:192.0.2.1"},
		{"", "192.0.2.1/32", "ip:192.0.2.1"},
		{"", "192.0.2.77/24", "ip:192.0.2.0/24"},
		{"", "2001:DB8:0:0::1", "ip:2001:db8::1"},
		{"", "2001:db8::1/32", "ip:2001:db8::/32"},
		{"", "::ffff:192.0.2.1", "ip:192.0.2.1"},
		{"", "::ffff:192.0.2.1/120", "ip:192.0.2.0/24"},
		{"", "10.0.0.0/8", "ip:10.0.0.0/8"},
		{"", "2001::/16", "ip:2001::/16"},
		{"name", "Admin", "name:admin"},
		{"name", "192.0.2.1", "name:192.0.2.1"},
		{"name", "first.last", "name:first.last"},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			got, err := parseBanTarget(tt.kind, tt.in)
			if err != nil || got.Key() != tt.want {
				t.Fatalf("got %s, %v, want %s", got.Key(), err, tt.want)
			}
			if again, err := parseBanTarget(got.Kind, got.Value); err != nil || again != got {
				t.Errorf("reads back as %s, %v", again.Key(), err)
			}
		})
	}
	bad := []struct{ kind, in, want string }{
		{"", "", "nothing to ban"},
		{"", "admin", "needs --type name"},
		{"", "a b.test", "blanks"},
		{"", "a\x1b[31m.test", "control characters"},
		{"", "a\xff.test", "not UTF-8"},
		{"", strings.Repeat("a.", 127) + "a", "253 at most"},
		{"", strings.Repeat("a.", 126) + "aa", "254 bytes: a domain has 253 at most"},
		{"", "https://example.com/x", "write the domain alone"},
		{"domain", "example.com/x", "write the domain alone"},
		{"", "*.com.example", "covers all that is below it, so write example.com"},
		{"", ".example.com", "covers all that is below it"},
		{"", "a..test", "a part between two dots is empty"},
		{"", "1.2.3", "write an address as 192.0.2.1"},
		{"", "192.0.2.256", "write an address as 192.0.2.1"},
		{"", "exa%mple.com", "'%' cannot be part of one"},
		{"", long + ".test", `has 64 bytes, 63 at most`},
		{"", "<user@example.com>", "write it without < and >"},
		{"", "*@example.com", "is written as the domain"},
		{"email", "example.com", "write user@example.com"},
		{"email", "@example.com", "--type domain bans a whole domain"},
		{"", "user@1.2", "behind the @: is no domain"},
		{"", "user@[192.0.2.1]", "behind the @: is no domain"},
		{"", strings.Repeat("x", 250) + "@example.com", "has 262 characters: 254 at most"},
		{"", strings.Repeat("x", 2000) + ".test", "has 2005 bytes: 254 characters at most"},
		{"", "0.0.0.0/0", "a /8 is the largest network"},
		{"", "10.0.0.0/7", "a /8 is the largest network"},
		{"", "2000::/15", "a /16 is the largest network"},
		{"", "192.0.2.0/33", "write 192.0.2.1, 192.0.2.0/24"},
		{"", "2001:db8::1-2001:db8::9", "a range is written as networks"},
		{"", "fe80::1%eth0", "write it without"},
		{"ip", "example.com", "write 192.0.2.1"},
		{"name", "a@b.test", "takes what stands before the @"},
		{"name", long + "a", "a local part has 64 at most"},
		{"mx", "a.test", `--type "mx" is none: write domain, email, ip or name`},
	}
	for _, tt := range bad {
		t.Run("bad "+tt.in, func(t *testing.T) {
			if got, err := parseBanTarget(tt.kind, tt.in); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %s, %v, want …%s…", got.Key(), err, tt.want)
			}
		})
	}
}

func FuzzParseBanTarget(f *testing.F) {
	for _, seed := range []string{"example.com", "a@b.test", "192.0.2.1/24", "::1", "@x", "ß.test", "K.test", "a@[::1]"} {
		f.Add("", seed)
	}
	f.Add("name", "admin")
	f.Fuzz(func(t *testing.T, kind, in string) {
		got, err := parseBanTarget(kind, in)
		if err != nil {
			return
		}
		if again, err := parseBanTarget(got.Kind, got.Value); err != nil || again != got {
			t.Errorf("%q: %s reads back as %s, %v", in, got.Key(), again.Key(), err)
		}
		if got.Value == "" || !utf8.ValidString(got.Value) || utf8.RuneCountInString(got.Value) > maxBanValue {
			t.Errorf("%q: %q does not fit the column", in, got.Value)
		}
	})
}

func TestPublicSuffix(t *testing.T) {
	for name, want := range map[string]bool{
		"com": true, "co.uk": true, "internal": true, "github.io": false, "example.co.uk": false, "example.com": false,
	} {
		if isPublicSuffix(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}

func TestCovers(t *testing.T) {
	tests := []struct {
		banned, other string
		want          bool
	}{
		{"domain:example.com", "domain:a.b.example.com", true},
		{"domain:example.com", "domain:notexample.com", false},
		{"domain:a.example.com", "domain:example.com", false},
		{"domain:example.com", "email:user@mail.example.com", true},
		{"email:user@example.com", "domain:example.com", false},
		{"email:user@example.com", "email:user@example.com", true},
		{"ip:192.0.2.0/24", "ip:192.0.2.7", true},
		{"ip:192.0.2.7", "ip:192.0.2.0/24", false},
		{"ip:10.0.0.0/8", "ip:2001:db8::1", false},
		{"name:admin", "name:admin", true},
		{"name:admin", "email:admin@example.com", false},
	}
	for _, tt := range tests {
		var banned, other store.BanTarget
		banned.Kind, banned.Value, _ = strings.Cut(tt.banned, ":")
		other.Kind, other.Value, _ = strings.Cut(tt.other, ":")
		if covers(banned, other) != tt.want {
			t.Errorf("%s, %s: %v", tt.banned, tt.other, !tt.want)
		}
	}
}

func TestBanRequest(t *testing.T) {
	now := time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC)
	tests := []struct {
		request banRequest
		want    string // expiry, or part of the error
	}{
		{banRequest{}, "0001-01-01T00:00:00Z"},
		{banRequest{lasts: "7d"}, "2026-11-28T14:00:00Z"},
		{banRequest{lasts: "1h30m"}, "2026-11-21T15:30:00Z"},
		{banRequest{until: "2026-12-01T00:00:00Z"}, "2026-12-01T00:00:00Z"},
		{banRequest{until: "2026-12-01T00:00:00+05:00"}, "2026-11-30T19:00:00Z"},
		{banRequest{until: "2026-12-01"}, "2026-12-01T00:00:00Z"},
		{banRequest{until: "2026-11-21T14:00:00Z"}, "--until: 2026-11-21 14:00 UTC has passed"},
		{banRequest{until: "tomorrow"}, `--until: "tomorrow" is no time: write 2030-01-01T00:00:00Z`},
		{banRequest{lasts: "0s"}, "--for: a ban of no time"},
		{banRequest{lasts: "7"}, `--for: "7" is not a duration`},
		{banRequest{lasts: "-7d"}, `--for: "-7d" is not a duration`},
		{banRequest{reason: "two\nlines"}, "--reason: has control characters"},
		{banRequest{reason: "a\xff"}, "--reason: is not UTF-8"},
		{banRequest{reason: strings.Repeat("ä", 500)}, "0001-01-01T00:00:00Z"},
		{banRequest{reason: strings.Repeat("ä", 501)}, "--reason: has 501 characters: 500 at most"},
		{banRequest{target: "co.uk"}, "co.uk is no one's domain"},
		{banRequest{target: "co.uk", force: true}, "0001-01-01T00:00:00Z"},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			if tt.request.target == "" {
				tt.request.target = "example.com"
			}
			ban, err := tt.request.ban(now)
			got := ban.Expires.Format(time.RFC3339)
			if err != nil {
				got = err.Error()
			}
			if !strings.HasPrefix(got, tt.want) {
				t.Errorf("got %s, want %s…", got, tt.want)
			}
		})
	}
}

func TestPrintableText(t *testing.T) {
	for in, want := range map[string]string{
		"plain ünd \"quoted\" \\": "plain ünd \"quoted\" \\",
		"\x1b[31mred\r\n":         `\x1b[31mred\r\n`,
		"a\xffb":                  `a\xffb`,
		"gnp\u202egpj":            `gnp\u202egpj`,
		"":                        "",
	} {
		if got := printableText(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func TestAge(t *testing.T) {
	now := time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC)
	for d, want := range map[time.Duration]string{
		-time.Hour: "0s", 5 * time.Second: "5s", 90 * time.Second: "1m", 90 * time.Minute: "1h", 47 * time.Hour: "47h", 49 * time.Hour: "2d",
	} {
		if got := age(now.Add(-d), now); got != want {
			t.Errorf("%s: %s, want %s", d, got, want)
		}
	}
	if got := age(store.Ban{}.Created, now); got != "-" {
		t.Errorf("unknown: %s", got)
	}
}
