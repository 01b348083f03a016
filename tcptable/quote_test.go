package tcptable

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestUnquote(t *testing.T) {
	for in, want := range map[string]string{
		"":                         "",
		"plain":                    "plain",
		"%41%4a%4A":                "AJJ",
		"a%20b c":                  "a b c",
		"%25%32%35":                "%25",
		"%00":                      "\x00",
		"%C3%bc":                   "ü",
		"\xc3\xbc":                 "ü",
		strings.Repeat("%41", 500): strings.Repeat("A", 500),
	} {
		if got, err := unquote([]byte(in)); got != want || err != nil {
			t.Errorf("%.30q: got %.30q, %v; want %.30q", in, got, err, want)
		}
	}
	for _, in := range []string{"%", "%4", "a%", "a%4", "%g1", "%1g", "%%41", "% 41", "%\xff1", "%@1", "%`1", "%/0", "%:0", "%0G"} {
		if got, err := unquote([]byte(in)); err == nil {
			t.Errorf("%q: got %q, want an error", in, got)
		}
	}
}

// FuzzQuote: what is quoted is a line that decodes to what it was, with spaces
// quoted or not, in digits of either case.
func FuzzQuote(f *testing.F) {
	for _, seed := range []string{"", "user@example.com", "100%", "a b\tc\r\n", "\x00", "müller", "\xff\xfe", "%41", "!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~\x7f"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, hex := range []string{upperHex, lowerHex} {
			for _, spaces := range []bool{false, true} {
				quoted := appendQuoted(nil, s, spaces, hex)
				if got, err := unquote(quoted); got != s || err != nil {
					t.Fatalf("%q became %q became %q, %v", s, quoted, got, err)
				}
				if !spaces && len(quoted) != quotedLen(s) {
					t.Fatalf("%q: %d bytes, foretold %d", s, len(quoted), quotedLen(s))
				}
				for _, c := range quoted {
					if !plain(c) && c != '%' && (c != ' ' || !spaces) {
						t.Fatalf("%q became %q", s, quoted)
					}
				}
			}
		}
	})
}

// FuzzUnquote: what decodes is no longer than it was, and stays what it is
// when quoted again.
func FuzzUnquote(f *testing.F) {
	for _, seed := range []string{"", "a%20b", "%", "%4", "%41%", "%zz", "\xff%ff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		raw, err := unquote([]byte(in))
		if err != nil {
			return
		}
		again, err := unquote(appendQuoted(nil, raw, false, upperHex))
		if again != raw || err != nil || len(raw) > len(in) || utf8.ValidString(in) && len(raw) == len(in) && raw != in {
			t.Fatalf("%q became %q became %q, %v", in, raw, again, err)
		}
	})
}
