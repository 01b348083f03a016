package srs

import (
	"strings"
	"testing"
)

func TestOptions(t *testing.T) {
	long := strings.Repeat("a", 251) + ".com"
	cases := []struct {
		name    string
		options Options
		refusal string // what the error says, "" for none
	}{
		{"defaults", Options{Domain: "example.com"}, ""},
		{"no dot", Options{Domain: "localhost"}, ""},
		{"IDN", Options{Domain: "müller.example"}, ""},
		{"underscore", Options{Domain: "_srs.Example-1.com."}, ""},
		{"literal", Options{Domain: "[IPv6:2001:db8::1]"}, ""},
		{"longest domain", Options{Domain: long}, ""},
		{"domain too long", Options{Domain: long + "m"}, "srs: domain has 256 octets: it must have at most 255"},
		{"no domain", Options{}, "srs: domain is empty: it must be a domain whose mail arrives here, such as srs.example.com"},
		{"dot alone", Options{Domain: "."}, "domain is empty"},
		{"address", Options{Domain: "a@example.com"}, `srs: domain "a@example.com" has '@' in it: it must be a domain alone, such as srs.example.com`},
		{"unexpanded", Options{Domain: "$myhostname"}, `has '$' in it`},
		{"blank", Options{Domain: "example.com "}, `has ' ' in it`},
		{"newline", Options{Domain: "example.com\n"}, `has '\n' in it`},
		{"NUL", Options{Domain: "example.com\x00"}, `has '\x00' in it`},
		{"DEL", Options{Domain: "example.com\x7f"}, `has '\x7f' in it`},
		{"equals", Options{Domain: "a=b"}, `has '=' in it`},
		{"list", Options{Domain: "a.com,b.com"}, `has ',' in it`},
		{"separator", Options{Domain: "a.com", Separator: '_'}, "srs: separator '_': it must be one of = + -"},
		{"alphabet", Options{Domain: "a.com", Alphabet: 2}, "srs: alphabet 2: it must be Base64URL or Base64"},
		{"negative length", Options{Domain: "a.com", HashLength: -1}, "srs: hash length -1: it must be 1 to 27 (4 is usual)"},
		{"long hash", Options{Domain: "a.com", HashLength: 27, HashMinimum: 27}, ""},
		{"longer hash", Options{Domain: "a.com", HashLength: 28}, "hash length 28"},
		{"short hash", Options{Domain: "a.com", HashLength: 1, HashMinimum: 1}, ""},
		{"minimum of old", Options{Domain: "a.com", HashLength: 3}, "srs: hash minimum 4: it must be 1 to the hash length, which is 3"},
		{"minimum", Options{Domain: "a.com", HashLength: 8, HashMinimum: 9}, "hash minimum 9"},
		{"negative minimum", Options{Domain: "a.com", HashMinimum: -1}, "hash minimum -1"},
		{"early", Options{Domain: "a.com", Early: 21}, ""},
		{"too early", Options{Domain: "a.com", Early: 22}, "srs: early 22: it must be 0 to 21 days"},
		{"negative early", Options{Domain: "a.com", Early: -1}, "early -1"},
		{"least length", Options{Domain: "a.com", MaxLength: 64}, ""},
		{"too little", Options{Domain: "a.com", MaxLength: 63}, "srs: maximum length 63: it must be 64 to 4096 octets"},
		{"most length", Options{Domain: "a.com", MaxLength: 4096}, ""},
		{"too much", Options{Domain: "a.com", MaxLength: 4097}, "maximum length 4097"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r, err := New(c.options)
			if c.refusal == "" {
				if err != nil || r == nil {
					t.Errorf("got %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.refusal) {
				t.Errorf("got %v, want %q", err, c.refusal)
			}
		})
	}
}

func TestLeadingDotIsRemoved(t *testing.T) {
	got, err := mustNew(t, Options{Domain: ".example.com"}).Forward(keysOf("tops3cr3t"), newYear(), "test@otherdomain.com")
	if want := "SRS0=vmyz=2W=otherdomain.com=test@example.com"; got != want || err != nil {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}
