package admin

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"postern/internal/keysearch"
	"postern/internal/lookup"
)

func TestParseDomain(t *testing.T) {
	long := strings.Repeat("a", 63)
	tests := []struct{ in, want string }{ // want: the domain, or part of the error
		{"example.org", "example.org"},
		{"Example.ORG.", "example.org"},
		{"xn--bcher-kva.example", "xn--bcher-kva.example"},
		{"a-1.b.example", "a-1.b.example"},
		{long + ".example", long + ".example"},
		{"", "has no domain"},
		{".", "has no domain"},
		{"localhost", "has no dot"},
		{"a..example", "a part between two dots is empty"},
		{".example.org", "a part between two dots is empty"},
		{"-a.example", "begins or ends with a hyphen"},
		{"a-.example", "begins or ends with a hyphen"},
		{"a_b.example", `has "_" in its domain`},
		{"a b.example", `has " " in its domain`},
		{"a.example\n", `has "\n" in its domain`},
		{long + "a.example", "64 bytes between two dots: 63 at most"},
		{strings.Repeat("a.", 126) + "example", "259 bytes: 253 at most"},
		{"192.0.2.1", "its last part is a number"},
		{"[192.0.2.1]", "is an address literal"},
		{"*.example.org", "write it alone"},
		{"@example.org", "write it alone"},
		{"https://example.org", "write it alone"},
		{"bücher.example", "write xn--bcher-kva.example, as DNS does"},
		{"straße.example", "write xn--strae-oqa.example"},
		{"\u202e.example", "no form in DNS"},
		{"\xff.example", "is not UTF-8"},
		{"xn--\u00fc.example", "letters beyond ASCII"},
		{"xn--a-.example", "begins or ends with a hyphen"},
		{"xn--zzzzzzzzz99999999.example", "begins as a converted name and is none"},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			got, err := parseDomain(tt.in)
			if err != nil {
				got = err.Error()
			}
			if got != tt.want && (err == nil || !strings.Contains(got, tt.want)) {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestParseTargets(t *testing.T) {
	tests := []struct {
		in   string // arguments, separated by |
		want string // the value, or part of the error
	}{
		{"a@dest.test", "a@dest.test"},
		{"a@dest.test,b@dest.test", "a@dest.test,b@dest.test"},
		{" a@dest.test , b@dest.test |c@dest.test", "a@dest.test,b@dest.test,c@dest.test"},
		{"O'Brien+x/y=z@Dest.TEST", "O'Brien+x/y=z@dest.test"},
		{"josé@dest.test", "josé@dest.test"},
		{"a!b%c@dest.test", "a!b%c@dest.test"},
		{"@dest.test", "@dest.test"},
		{"", "is empty"},
		{"a@dest.test,", "is empty"},
		{",a@dest.test", "is empty"},
		{"a@dest.test b@dest.test", "separate several addresses by commas"},
		{"a b@dest.test", "has blanks in it"},
		{"root", "has no @"},
		{"@", "has no domain"},
		{"a@", "has no domain"},
		{"a@b@dest.test", `has "@" in its name`},
		{"@a.test,b@dest.test", "stands alone"},
		{"@a.test,@dest.test", "stands alone"},
		{"<a@dest.test>", "write the address alone"},
		{"Anna <a@dest.test>", "has blanks in it"},
		{`"a b"@dest.test`, "has blanks in it"},
		{`"a"@dest.test`, `has "\"" in its name`},
		{"a(x)@dest.test", `has "(" in its name`},
		{"/dev/null", "is a command, a file or a list"},
		{":include:/etc/x", "is a command, a file or a list"},
		{"|cat", "is empty"}, // two arguments here, the first one empty
		{".a@dest.test", "has a dot at an end"},
		{"a..b@dest.test", "two in a row"},
		{"a\x00@dest.test", "control characters"},
		{"a\u202eb@dest.test", "cannot be seen"},
		{"a\xff@dest.test", "is not UTF-8"},
		{"a@[192.0.2.1]", "is an address literal"},
		{strings.Repeat("x", 65) + "@dest.test", "65 bytes before the @: 64 at most"},
		{strings.Repeat("x", 64) + "@" + strings.Repeat("a.", 92) + "dest.test", "258 bytes: 254 at most"},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			list, err := parseTargets(strings.Split(tt.in, "|"))
			got := strings.Join(list, ",")
			if err != nil {
				got = err.Error()
			}
			if got != tt.want && (err == nil || !strings.Contains(got, tt.want)) {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// FuzzTargets: what is accepted is read by Postfix as the same addresses, fits
// the columns, and is accepted again as it stands.
func FuzzTargets(f *testing.F) {
	for _, seed := range []string{
		"a@dest.test", "a@dest.test,b@dest.test", "@dest.test", "a!b@dest.test", "a%b@dest.test", "josé@dest.test",
		"\"a b\"@x.test", "a(b)@x.test", "x:y@z.test;", "a\\b@x.test", "a@b@c.test", " a@x.test\t,", "a@xn--bcher-kva.example", "=?x?=@x.test",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		list, err := parseTargets([]string{in})
		if err != nil {
			if !utf8.ValidString(err.Error()) || strings.ContainsAny(err.Error(), "\n\r\x1b") || len(err.Error()) > 1200 {
				t.Fatalf("%q: the complaint does not fit a line: %q", in, err)
			}
			return
		}
		value, err := joined(list, false)
		if err != nil {
			return
		}
		if again, err := parseTargets([]string{value}); err != nil || !slices.Equal(again, list) {
			t.Errorf("%q: %q reads back as %q, %v", in, list, again, err)
		}
		if value[0] == '@' {
			return
		}
		read, err := keysearch.ParseAddresses(value)
		for i := range read { // it quotes % and !, which changes nothing
			read[i] = strings.ReplaceAll(read[i], `"`, "")
		}
		if err != nil || !slices.Equal(read, list) {
			t.Errorf("%q: Postfix reads %q as %q, %v", in, value, read, err)
		}
	})
}

// FuzzOwn: an accepted key is what the daemons look for.
func FuzzOwn(f *testing.F) {
	for _, seed := range []string{"info@example.org", "@example.org", "Ünicode@example.org", "a+b@EXAMPLE.org.", "ß@example.org"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		key, err := parseOwn(in)
		if err != nil {
			return
		}
		if key != lookup.Fold(key) {
			t.Errorf("%q: %q is not folded", in, key)
		}
		if again, err := parseOwn(key); err != nil || again != key {
			t.Errorf("%q: %q reads back as %q, %v", in, key, again, err)
		}
		forms := keysearch.Forms(keysearch.Virtual, keysearch.Options{RecipientDelimiter: "+"}, key)
		if forms[0].Key != key {
			t.Errorf("%q: the daemons look for %q, not %q", in, forms[0].Key, key)
		}
		if len(key) > 320 || strings.ContainsAny(key, " \x00\n") {
			t.Errorf("%q: %q does not fit the column", in, key)
		}
	})
}
