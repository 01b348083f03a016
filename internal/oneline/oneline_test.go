package oneline

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLog(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "",
		"plain, äöü":                    "plain, äöü",
		"two\r\nlines\tand\x7f":         "two  lines and ",
		"nul\x00":                       "nul ",
		strings.Repeat("x", 200):        strings.Repeat("x", 200),
		strings.Repeat("x", 201):        strings.Repeat("x", 200) + "…",
		strings.Repeat("ä", 1000):       strings.Repeat("ä", 100) + "…",
		strings.Repeat("x", 199) + "ää": strings.Repeat("x", 199) + "…",
	} {
		if got := Log(text); got != want || !utf8.ValidString(got) {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func TestReply(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "",
		" spam trap ":                 "spam trap",
		"a\r\nb\x00c\x7fd\te":         "a  b c d e",
		"Müll\u2028":                  "M?ll?",
		strings.Repeat("x", 100):      strings.Repeat("x", 20),
		strings.Repeat("ä", 1000):     strings.Repeat("?", 20),
		strings.Repeat("😀", 20) + "x": strings.Repeat("?", 20),
	} {
		if got := Reply(text, 20); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
