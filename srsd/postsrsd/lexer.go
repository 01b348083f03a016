package postsrsd

import (
	"strconv"
	"strings"
)

// token is what libconfuse's scanner tells apart.
type token struct {
	kind byte   // one of { } ( ) = , and + for +=; s: a string of any kind; 0: the end
	text string // of a string, its value
	place
}

// lexer cuts the text of a postsrsd.conf into tokens.
type lexer struct {
	place    // of the next byte
	text     string
	pos      int
	getenv   func(string) (string, bool)
	unclosed int // the line of a comment that never ends, or 0
}

func newLexer(file, text string, getenv func(string) (string, bool)) *lexer {
	return &lexer{place: place{file, 1}, text: text, getenv: getenv}
}

// wordEnds are the bytes that no word has.
const wordEnds = " #\"'\t\n\r={}()+,*"

// next skips blanks and comments and takes one token.
func (l *lexer) next() (token, error) {
	for l.pos < len(l.text) {
		rest := l.text[l.pos:]
		switch c := rest[0]; {
		case c == '\n':
			l.line++
			l.pos++
		case c == ' ' || c == '\t' || c == '\r':
			l.pos++
		case c == '#' || strings.HasPrefix(rest, "//"):
			l.skipLine()
		case strings.HasPrefix(rest, "/*"):
			l.skipComment()
		case strings.HasPrefix(rest, "+="):
			l.pos += 2
			return token{'+', "+=", l.place}, nil
		case strings.IndexByte("{}()=,", c) >= 0:
			l.pos++
			return token{c, string(c), l.place}, nil
		default:
			return l.value(rest)
		}
	}
	return token{0, "the end of the file", l.place}, nil
}

// skipStray skips what libconfuse has no meaning for and drops between options.
func (l *lexer) skipStray() {
	for l.pos < len(l.text) && strings.IndexByte(" \t\r\n*+", l.text[l.pos]) >= 0 && !strings.HasPrefix(l.text[l.pos:], "+=") {
		if l.text[l.pos] == '\n' {
			l.line++
		}
		l.pos++
	}
}

func (l *lexer) skipLine() {
	if end := strings.IndexByte(l.text[l.pos:], '\n'); end >= 0 {
		l.pos += end
		return
	}
	l.pos = len(l.text)
}

func (l *lexer) skipComment() {
	end := strings.Index(l.text[l.pos+2:], "*/")
	if end < 0 {
		l.unclosed = l.line
		l.line += strings.Count(l.text[l.pos:], "\n")
		l.pos = len(l.text)
		return
	}
	stop := l.pos + 2 + end + 2
	l.line += strings.Count(l.text[l.pos:stop], "\n")
	l.pos = stop
}

func (l *lexer) value(rest string) (token, error) {
	start := l.place
	var text string
	var err error
	switch {
	case rest[0] == '"':
		text, err = l.doubleQuoted()
	case rest[0] == '\'':
		text, err = l.singleQuoted()
	case strings.HasPrefix(rest, "${"):
		var known bool
		if text, known, err = l.variable(); err == nil && !known {
			text, err = l.word(rest)
		}
	default:
		text, err = l.word(rest)
	}
	return token{'s', text, start}, err
}

// word is text without quotes. libconfuse drops '*' and '+' there without a
// word, which cuts the value in two; here that is an error of its own.
func (l *lexer) word(rest string) (string, error) {
	end := len(rest)
	for i := range len(rest) {
		if strings.IndexByte(wordEnds, rest[i]) >= 0 {
			end = i
			break
		}
	}
	if end < len(rest) && (rest[end] == '*' || rest[end] == '+' && !strings.HasPrefix(rest[end:], "+=")) {
		return "", l.errorf("%q stands outside of quotes: write the value in quotes", rest[end])
	}
	if strings.IndexByte(rest[:end], 0) >= 0 {
		return "", l.errorf("there is a NUL in the file: that is no configuration file")
	}
	l.pos += end
	return rest[:end], nil
}

// variable is ${NAME} or ${NAME:-default} at the current place. known is
// false if no brace closes it: then the dollar sign stands for itself.
func (l *lexer) variable() (value string, known bool, err error) {
	name, _, closed := strings.Cut(l.text[l.pos+2:], "}")
	if !closed {
		return "", false, nil
	}
	if strings.ContainsAny(name, "\n\"'") {
		return "", false, l.errorf("${ has no } behind the name of the variable: write ${NAME}")
	}
	l.pos += len("${") + len(name) + len("}")
	name, fallback, _ := strings.Cut(name, ":-")
	if l.getenv != nil {
		if value, ok := l.getenv(name); ok {
			return value, true, nil
		}
	}
	return fallback, true, nil
}

func (l *lexer) singleQuoted() (string, error) {
	var b strings.Builder
	for l.pos++; l.pos < len(l.text); l.pos++ {
		switch c := l.text[l.pos]; {
		case c == '\'':
			l.pos++
			return b.String(), nil
		case c == '\n':
			l.line++
			b.WriteByte(c)
		case c == '\\' && l.peek(1) == '\n':
			l.line++
			l.pos++
		case c == '\\' && (l.peek(1) == '\'' || l.peek(1) == '\\'):
			l.pos++
			b.WriteByte(l.text[l.pos])
		default:
			b.WriteByte(c)
		}
	}
	return "", l.errorf("the file ends inside of a '…' string: close it")
}

// peek is the byte n places ahead, or 0.
func (l *lexer) peek(n int) byte {
	if l.pos+n < len(l.text) {
		return l.text[l.pos+n]
	}
	return 0
}

func (l *lexer) doubleQuoted() (string, error) {
	var b strings.Builder
	for l.pos++; l.pos < len(l.text); {
		switch c := l.text[l.pos]; {
		case c == '"':
			l.pos++
			return b.String(), nil
		case c == '\\':
			if err := l.escape(&b); err != nil {
				return "", err
			}
		case c == '$' && l.peek(1) == '{':
			value, known, err := l.variable()
			if err != nil {
				return "", err
			}
			if !known {
				value, l.pos = "$", l.pos+1
			}
			b.WriteString(value)
		default:
			if c == '\n' {
				l.line++
			}
			b.WriteByte(c)
			l.pos++
		}
	}
	return "", l.errorf("the file ends inside of a \"…\" string: close it")
}

// escape reads a backslash and what belongs to it.
func (l *lexer) escape(b *strings.Builder) error {
	l.pos++
	c := l.peek(0)
	switch {
	case '0' <= c && c <= '9':
		return l.octal(b)
	case c == 'x' && isHex(l.peek(1)):
		l.hex(b)
		return nil
	}
	if l.pos >= len(l.text) {
		return nil // the caller finds the end of the file
	}
	l.pos++
	if c == '\n' {
		l.line++
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
	start := l.pos
	for '0' <= l.peek(0) && l.peek(0) <= '9' {
		l.pos++
	}
	digits := l.text[start:l.pos]
	n, err := strconv.ParseUint(digits, 8, 8)
	if err != nil || len(digits) > 3 {
		return l.errorf("\\%s is no octal number from \\0 to \\377", shown(digits))
	}
	b.WriteByte(byte(n))
	return nil
}

func (l *lexer) hex(b *strings.Builder) {
	l.pos++
	start := l.pos
	for l.pos-start < 2 && isHex(l.peek(0)) {
		l.pos++
	}
	n, _ := strconv.ParseUint(l.text[start:l.pos], 16, 8) // one or two digits
	b.WriteByte(byte(n))
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
