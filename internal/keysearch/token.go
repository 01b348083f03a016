package keysearch

import "strings"

// tokenKind tells the tokens of an address list apart. An operator is its own
// kind: one of the specials of RFC 822, or | % !, which Postfix adds to them.
type tokenKind byte

const (
	atom    tokenKind = 'a'
	quoted  tokenKind = 'q' // "…"
	literal tokenKind = '[' // […]
	comment tokenKind = 'c' // (…)
)

const operators = `|%!()<>@,;:\".[]`

// token is one token; text is without quotes and escapes.
type token struct {
	kind tokenKind
	text string
}

func (t token) isWord() bool {
	return t.kind == atom || t.kind == quoted || t.kind == literal
}

// scan cuts text into tokens as Postfix's tok822(3) does. White space only
// separates; comments are dropped.
func scan(text string) []token {
	var tokens []token
	for i := 0; i < len(text); {
		var t token
		t, i = next(text, i)
		if t.kind != comment && t.kind != ' ' {
			tokens = append(tokens, t)
		}
	}
	return tokens
}

// next is the token at text[i:] and where the one after it begins.
func next(text string, i int) (token, int) {
	switch c := text[i]; {
	case isSpace(c):
		return token{kind: ' '}, i + 1
	case c == '(':
		return token{kind: comment}, skipComment(text, i)
	case c == '[':
		return collect(text, i+1, literal, "]")
	case c == '"':
		return collect(text, i+1, quoted, `"`)
	case c != '\\' && strings.IndexByte(operators, c) >= 0:
		return token{tokenKind(c), text[i : i+1]}, i + 1
	default:
		return collect(text, i, atom, " \t\r\n"+operators)
	}
}

// collect reads up to a byte of end, which a bracket or quote includes. White
// space becomes a blank; a backslash takes the meaning off what follows.
func collect(text string, i int, kind tokenKind, end string) (token, int) {
	var b strings.Builder
	for ; i < len(text); i++ {
		c := text[i]
		if c == '\\' {
			if i++; i == len(text) {
				break
			}
			c = text[i]
		} else if strings.IndexByte(end, c) >= 0 {
			break
		}
		if isSpace(c) {
			c = ' '
		}
		b.WriteByte(c)
	}
	if kind != atom && i < len(text) {
		i++
	}
	if kind == atom && strings.ContainsFunc(b.String(), needsQuotes) {
		kind = quoted // it had backslashes
	}
	return token{kind, b.String()}, i
}

func needsQuotes(r rune) bool {
	return r <= ' ' || r == 0x7f || strings.ContainsRune(operators, r)
}

// skipComment is where the text after the comment at text[i:] begins.
func skipComment(text string, i int) int {
	depth := 0
	for ; i < len(text); i++ {
		switch text[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		case '\\':
			i++
		}
	}
	return len(text)
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\r' || c == '\n'
}

// join prints tokens as an internal address. Two atoms side by side, which
// only brackets hold together, become one; other words get a blank between.
func join(tokens []token) string {
	var b strings.Builder
	for i, t := range tokens {
		if i > 0 && blankBetween(tokens[i-1], t) {
			b.WriteByte(' ')
		}
		if t.kind == literal {
			b.WriteString("[" + t.text + "]")
		} else {
			b.WriteString(t.text)
		}
	}
	return b.String()
}

func blankBetween(left, right token) bool {
	if left.kind == ',' || right.kind == '<' {
		return true
	}
	return left.isWord() && right.isWord() && (left.kind != atom || right.kind != atom)
}
