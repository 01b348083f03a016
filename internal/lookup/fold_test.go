package lookup

import (
	"testing"
	"unicode/utf8"
)

func TestFold(t *testing.T) {
	tests := map[string]struct{ in, want string }{
		"empty":                     {"", ""},
		"folded already":            {"user@example.com", "user@example.com"},
		"ASCII":                     {"User+Tag@EXAMPLE.Com", "user+tag@example.com"},
		"control bytes":             {"A\x00\x1fZ", "a\x00\x1fz"},
		"two letters for one":       {"Straße@EXAMPLE.com", "strasse@example.com"},
		"capital sharp s":           {"STRAẞE", "strasse"},
		"umlaut":                    {"JÖRG@Exämple.COM", "jörg@exämple.com"},
		"dotted capital I":          {"İ", "i̇"},
		"dotless i stays":           {"ı", "ı"},
		"final sigma":               {"ΣΑΣ ς", "σασ σ"},
		"ligature":                  {"ﬁ", "fi"},
		"Kelvin sign":               {"K", "k"},
		"Cherokee folds upwards":    {"ꭰᏸ", "ᎠᏰ"},
		"Cherokee capitals stay":    {"ᎠXÄᏵ", "ᎠxäᏵ"},
		"a replacement char stays":  {"A�B", "a�b"},
		"invalid bytes stay":        {"A\xffB\xc3", "a\xffb\xc3"},
		"invalid between non-ASCII": {"Ä\xffÖ\x80", "ä\xffö\x80"},
		"overlong and surrogate":    {"A\xc0\x80\xed\xa0\x80B", "a\xc0\x80\xed\xa0\x80b"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Fold(tt.in); got != tt.want {
				t.Errorf("Fold(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func TestFoldAllocates(t *testing.T) {
	for in, want := range map[string]float64{"user@example.com": 0, "User@example.com": 1} {
		if got := testing.AllocsPerRun(100, func() { Fold(in) }); got != want {
			t.Errorf("Fold(%q): %v allocations, want %v", in, got, want)
		}
	}
}

func FuzzFold(f *testing.F) {
	for _, seed := range []string{"", "User@Example.COM", "Straße", "A\xff\xc3ß", "İ", "ŉ", "ΐ", "ᎠꭰA"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Fold(s)
		if again := Fold(got); again != got {
			t.Errorf("folding %q twice: %q, then %q", s, got, again)
		}
		if utf8.ValidString(s) != utf8.ValidString(got) {
			t.Errorf("Fold(%q) = %q: one is valid UTF-8, the other not", s, got)
		}
	})
}
