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

// foldUnicode folds the stretches between what must stay as it is: of invalid
// bytes a transformer would make U+FFFD, and two different keys would be one.
func foldUnicode(s string) string {
	fold := cases.Fold() // may hold state, so it is not shared
	var b strings.Builder
	start := 0
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 || cherokeeCapital(r) {
			b.WriteString(fold.String(s[start:i]))
			b.WriteString(s[i : i+size])
			start = i + size
		}
		i += size
	}
	if start == 0 {
		return fold.String(s)
	}
	b.WriteString(fold.String(s[start:]))
	return b.String()
}

// cherokeeCapital tells the one script whose letters fold to the capitals
// (Unicode CaseFolding.txt). cases.Fold does so for the small letters and yet
// turns the capitals into small ones.
func cherokeeCapital(r rune) bool {
	return '\u13a0' <= r && r <= '\u13f5'
}
