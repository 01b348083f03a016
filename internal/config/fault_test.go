package config

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// TestLongComplaint: however large a value is, the complaint about it fits a
// line, and says at its end what would be right.
func TestLongComplaint(t *testing.T) {
	long := strings.Repeat("ä", 1<<17)
	for _, test := range []struct{ name, text, begin, end string }{
		{"a value", "operator: " + long + "\n", `f:1: "ää`, "such as postmaster@example.net"},
		{"a word", "log: {level: " + long + "}\n", `f:1: log level "ää`, "write one of debug, info, warn, error"},
		{"a key", "maps: {}\n" + long + ": 1\n", `f:2: unknown key "ää`, "postfix, metrics, log"},
		{"a number", "cache:\n  entries: " + long + "\n", `f:2: "ää`, "write a number"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse("f", []byte(test.text))
			if err == nil {
				t.Fatal("accepted")
			}
			said := err.Error()
			if len(said) > longestText || !utf8.ValidString(said) || !strings.HasPrefix(said, test.begin) || !strings.HasSuffix(said, test.end) {
				t.Errorf("%d bytes: %.600s … %s", len(said), said, said[max(0, len(said)-100):])
			}
		})
	}
	most := strings.Repeat("x", longestText)
	if shortened(most) != most {
		t.Error("what fits was cut")
	}
}
