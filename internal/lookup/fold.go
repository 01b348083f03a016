package lookup

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
)

// Fold returns s as Postfix's mysql: tables see a key: in lower case if s is
// all ASCII, else by full Unicode case folding, where one letter may become
// two ("ß" is "ss"). It is the folding of Postfix with SMTPUTF8 support on,
// its default. Bytes that are no valid UTF-8 are kept as they are, and the
// text between them is folded.
//
// A string that is ASCII and folded already is returned as it is, without an
// allocation.
func Fold(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return foldUnicode(s)
		}
	}
	return strings.ToLower(s)
}

// foldUnicode folds the valid stretches of s one by one: a transformer would
// put U+FFFD for the bytes between them, and two different keys would be one.
func foldUnicode(s string) string {
	fold := cases.Fold() // may hold state, so it is not shared
	if utf8.ValidString(s) {
		return fold.String(s)
	}
	var b strings.Builder
	for s != "" {
		n := validPrefix(s)
		b.WriteString(fold.String(s[:n]))
		s = s[n:]
		if s != "" {
			b.WriteByte(s[0])
			s = s[1:]
		}
	}
	return b.String()
}

// validPrefix is the length of the valid UTF-8 that s begins with.
func validPrefix(s string) int {
	for i, r := range s {
		if r != utf8.RuneError {
			continue
		}
		if _, size := utf8.DecodeRuneInString(s[i:]); size <= 1 {
			return i
		}
	}
	return len(s)
}
