package postsrsd

import "strings"

// token is what libconfuse's scanner tells apart.
type token struct {
	kind byte   // one of { } ( ) = , and + for +=; s: a string of any kind; 0: the end
	text string // of a string, its value
	place
}

// lexer cuts the text of a postsrsd.conf into tokens.
type lexer struct {
	place   // of the next byte
	text    string
	pos     int
	getenv  func(string) (string, bool)
	warn    func(at place, format string, args ...any)
	dropped place // of a byte in front of the current token that has no meaning
	open    place // of a "…" string that never ends
	budget  int   // bytes that variables may still add
	last    int   // where the last } is, once it was looked for
}

// wordEnds are the bytes that no word has.
const wordEnds = " #\"'\t\n\r={}()+,*"

// peek is the byte n places ahead, or 0.
func (l *lexer) peek(n int) byte {
	if l.pos+n < len(l.text) {
		return l.text[l.pos+n]
	}
	return 0
}

func (l *lexer) ahead(prefix string) bool { return strings.HasPrefix(l.text[l.pos:], prefix) }

// skip passes n bytes and counts their lines.
func (l *lexer) skip(n int) {
	l.line += strings.Count(l.text[l.pos:l.pos+n], "\n")
	l.pos += n
}

// next skips blanks and comments and takes one token. What has no meaning is
// dropped, as libconfuse does: a lone + or *.
func (l *lexer) next() (token, error) {
	l.dropped = place{}
	for l.pos < len(l.text) {
		switch c := l.peek(0); {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			l.skip(1)
		case c == '#' || l.ahead("//"):
			l.skipLine()
		case l.ahead("/*"):
			l.skipComment()
		case l.ahead("+="):
			return l.sign('+', 2), nil
		case strings.IndexByte("{}()=,", c) >= 0:
			return l.sign(c, 1), nil
		case c == '*' || c == '+':
			l.warn(l.place, "the %c outside of quotes is dropped, as PostSRSd does", c)
			l.dropped = l.place
			l.skip(1)
		default:
			return l.value()
		}
	}
	return l.end(), nil
}

func (l *lexer) sign(kind byte, n int) token {
	t := token{kind, l.text[l.pos : l.pos+n], l.place}
	l.skip(n)
	return t
}

func (l *lexer) end() token { return token{0, "the end of the file", l.place} }

func (l *lexer) skipLine() {
	comment, _, _ := strings.Cut(l.text[l.pos:], "\n")
	l.skip(len(comment))
}

func (l *lexer) skipComment() {
	comment, _, closed := strings.Cut(l.text[l.pos+2:], "*/")
	if !closed {
		l.warn(l.place, "the comment that begins here never ends: all that follows is ignored, as PostSRSd does")
		l.skip(len(comment) + 2)
		return
	}
	l.skip(len(comment) + 4)
}

func (l *lexer) value() (token, error) {
	t := token{kind: 's', place: l.place}
	var err error
	switch {
	case l.ahead("'"):
		t.text, err = l.singleQuoted()
	case l.ahead(`"`):
		t.text, err = l.doubleQuoted()
		if l.open.line != 0 {
			return l.end(), nil
		}
	case l.ahead("${"):
		t.text, err = l.variable()
	default:
		t.text = l.word()
	}
	return t, err
}

func (l *lexer) word() string {
	word := l.text[l.pos:]
	if end := strings.IndexAny(word, wordEnds); end >= 0 {
		word = word[:end]
	}
	l.skip(len(word))
	return word
}

// variable is ${NAME} or ${NAME:-TEXT}. If no brace closes it, the dollar sign
// stands for itself.
func (l *lexer) variable() (string, error) {
	if l.last == 0 {
		l.last = strings.LastIndexByte(l.text, '}')
	}
	if l.last < l.pos {
		l.skip(1)
		return "$", nil
	}
	inner, _, _ := strings.Cut(l.text[l.pos+2:], "}")
	if strings.ContainsAny(inner, "\n\"'") {
		return "", l.errorf("${ has no } behind the name of the variable: write ${NAME}")
	}
	l.skip(len(inner) + 3)
	name, fallback, _ := strings.Cut(inner, ":-")
	value := fallback
	if l.getenv != nil {
		if v, ok := l.getenv(name); ok {
			value = v
		}
	}
	l.budget -= len(value)
	if l.budget < 0 {
		return "", l.errorf("the variables of the environment have more than %d bytes: that is no configuration", maxConf)
	}
	return value, nil
}
