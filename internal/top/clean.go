package top

import (
	"strconv"
	"strings"
	"unicode"

	"postern/internal/oneline"
)

// maxMarks is how many combining marks a character may carry: more are no
// writing, and grow over the lines around.
const maxMarks = 2

// clean makes a text of others fit for a terminal: printable characters only,
// and with ascii only those.
func clean(text string, ascii bool) string {
	var b strings.Builder
	marks := maxMarks // none may begin a text: it would join what stands before
	for _, r := range oneline.Log(text) {
		switch {
		case unicode.Is(unicode.Variation_Selector, r): // changes widths
			continue
		case unicode.IsMark(r):
			if marks++; marks > maxMarks || ascii {
				continue
			}
		default:
			marks = 0
		}
		b.WriteRune(shown(r, ascii))
	}
	return b.String()
}

// shown is what stands for a character. Those that join their neighbours, or
// that turn the direction of a line, are not printable, which
// [strconv.IsPrint] knows.
func shown(r rune, ascii bool) rune {
	switch {
	case r == '…' && ascii:
		return '~'
	case ascii && r > '~', r == unicode.ReplacementChar, !strconv.IsPrint(r):
		return '?'
	}
	return r
}

// cutSign stands for what was cut off.
func cutSign(ascii bool) string { return string(shown('…', ascii)) }
