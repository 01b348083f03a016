package envelope

import (
	"strings"
	"testing"
)

func TestAlias(t *testing.T) {
	// The first is PostSRSd's; the others are from sha1sum(1) and Python's base64.
	for address, want := range map[string]string{
		"test@otherdomain.com": "DCJGDE6N24LCRT41A4T0G1UIF0DTKKQJ",
		"Test@otherdomain.com": "BV16RJ82ESKOQEC793N6BMA0P90HAN05",
		"abc":                  "L6CJSDI70Q0MLEHU4LONGK62DIED1M4T",
	} {
		if got := Alias(address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}

func TestCanonicalAlias(t *testing.T) {
	const alias = "DCJGDE6N24LCRT41A4T0G1UIF0DTKKQJ"
	for _, test := range []struct{ name, alias, want string }{
		{"as given", alias, alias},
		{"lower case", strings.ToLower(alias), alias},
		{"every character", "0123456789abcdefghijklmnopqrstuv", "0123456789ABCDEFGHIJKLMNOPQRSTUV"},
		{"empty", "", ""},
		{"too short", alias[1:], ""},
		{"too long", alias + "A", ""},
		{"with its host", alias + "@1", ""},
		{"a character after V", "W" + alias[1:], ""},
		{"a lower case one after v", "w" + alias[1:], ""},
		{"between digits and letters", ":" + alias[1:], ""},
		{"padding", "=" + alias[1:], ""},
		{"a blank", " " + alias[1:], ""},
		{"NUL", "\x00" + alias[1:], ""},
		{"a letter that Unicode folds to S", "ſ" + alias[2:], ""},
		{"huge", strings.Repeat("A", 1<<20), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, ok := canonical(test.alias)
			if got != test.want || ok != (test.want != "") {
				t.Errorf("%q, %v; want %q", got, ok, test.want)
			}
		})
	}
}
