package postsrsd

import (
	"strconv"
	"strings"
)

// singleQuoted reads a '…' string, in which a backslash does little.
func (l *lexer) singleQuoted() (string, error) {
	begin := l.place
	var b strings.Builder
	for l.skip(1); l.pos < len(l.text); l.skip(1) {
		switch {
		case l.ahead("'"):
			l.skip(1)
			return b.String(), nil
		case l.ahead("\\\n"):
			l.skip(1)
		case l.ahead(`\'`), l.ahead(`\\`):
			l.skip(1)
			b.WriteByte(l.peek(0))
		default:
			b.WriteByte(l.peek(0))
		}
	}
	return "", begin.errorf("the string that begins here never ends: add a '")
}

// doubleQuoted reads a "…" string, with escapes and variables. If it never
// ends, that is the end of the file for libconfuse; open then has its place.
func (l *lexer) doubleQuoted() (string, error) {
	begin := l.place
	var b strings.Builder
	l.skip(1)
	for l.pos < len(l.text) {
		switch {
		case l.ahead(`"`):
			l.skip(1)
			return b.String(), nil
		case l.ahead(`\`):
			if err := l.escape(&b); err != nil {
				return "", err
			}
		case l.ahead("${"):
			value, err := l.variable()
			if err != nil {
				return "", err
			}
			b.WriteString(value)
		default:
			b.WriteByte(l.peek(0))
			l.skip(1)
		}
	}
	l.open = begin
	return "", nil
}

// escape reads a backslash and what belongs to it.
func (l *lexer) escape(b *strings.Builder) error {
	l.skip(1)
	c := l.peek(0)
	switch {
	case l.pos == len(l.text):
		return nil // doubleQuoted finds the end
	case '0' <= c && c <= '9':
		return l.octal(b)
	case c == 'x' && isHex(l.peek(1)):
		l.hex(b)
		return nil
	}
	l.skip(1)
	if c == '\n' {
		return nil
	}
	if i := strings.IndexByte("nrbfaetv", c); i >= 0 {
		c = "\n\r\b\f\a\x1b\t\v"[i]
	}
	b.WriteByte(c)
	return nil
}

// octal is \0 to \377; libconfuse refuses any other run of digits.
func (l *lexer) octal(b *strings.Builder) error {
	n := 0
	for '0' <= l.peek(n) && l.peek(n) <= '9' {
		n++
	}
	digits := l.text[l.pos : l.pos+n]
	code, err := strconv.ParseUint(digits, 8, 8)
	if err != nil || n > 3 {
		return l.errorf("%s is no character: write \\0 to \\377, or \\x00 to \\xff", shown(`\`+digits))
	}
	b.WriteByte(byte(code))
	l.skip(n)
	return nil
}

func (l *lexer) hex(b *strings.Builder) {
	n := 2
	if !isHex(l.peek(2)) {
		n = 1
	}
	code, _ := strconv.ParseUint(l.text[l.pos+1:l.pos+1+n], 16, 8) // digits, as seen
	b.WriteByte(byte(code))
	l.skip(1 + n)
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
