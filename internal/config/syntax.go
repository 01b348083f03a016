package config

import "strings"

// syntaxAdvice says what would be right where the YAML reader says what is
// wrong. It knows the reader's words; where these change, the reader's message
// stands alone.
func syntaxAdvice(said string) string {
	for _, known := range [...]struct{ words, right string }{
		{"'\t'", "indent with blanks, not with tabs"},
		{"is not allowed in this context", "keys of one block begin in the same column, and a value with a colon and a blank in it needs quotes"},
		{"non-map value", "keys of one block begin in the same column, and a list begins on a line of its own"},
		{"reserved character", "put the value in quotes"},
		{"directive", "put the value in quotes"},
		{"could not find alias", "put the value in quotes"},
		{"double-quoted text", `end the text with "`},
		{"single-quoted text", "end the text with '"},
		{"flow mapping end token", "end what begins with { by }"},
		{"',' or ']' must be specified", "end what begins with [ by ], and put commas between its values"},
		{"where sequence is expected", "write a list: [one, two]"},
		{"where mapping is expected", "write keys with their values: {key: value}, or a line for each below"},
	} {
		if strings.Contains(said, known.words) {
			return ": " + known.right
		}
	}
	return ""
}
