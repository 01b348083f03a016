package turn

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// reasonLimit is what Postfix logs of a reason (util/dict_sockmap.c), in bytes.
const reasonLimit = 200

// Reason makes text fit for the eyes of the peer and for a log: one line of
// printable characters, the others replaced by a question mark, at most 200
// bytes.
func Reason(text string) string {
	if len(text) <= reasonLimit && printableASCII(text) {
		return text
	}
	const more = "..."
	var b strings.Builder
	for i, r := range text {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			r = '?'
		}
		if b.Len()+utf8.RuneLen(r) > reasonLimit-len(more) && b.Len()+len(text)-i > reasonLimit {
			return b.String() + more
		}
		b.WriteRune(r)
	}
	return b.String()
}

func printableASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
