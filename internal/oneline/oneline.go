// Package oneline makes texts of others fit for a line: of a log, of an SMTP
// reply, or of a terminal. What a database server, a row of a table or a peer says may hold
// control characters and may be long.
package oneline

import "strings"

// logLimit bounds a text in a line of a log, in bytes.
const logLimit = 200

// Log makes text fit for a line of a log: no control characters, 200 bytes.
func Log(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	if len(text) > logLimit {
		text = strings.ToValidUTF8(text[:logLimit], "") + "…"
	}
	return text
}

// Reply makes text fit for an SMTP reply: one line of printable ASCII (RFC 5321,
// section 4.2), of limit bytes at most.
func Reply(text string, limit int) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r == 0x7f:
			return ' '
		case r > '~':
			return '?'
		}
		return r
	}, text[:min(len(text), 4*limit)]) // a character has four bytes at most
	return strings.TrimSpace(clean[:min(len(clean), limit)])
}
