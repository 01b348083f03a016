package mysqltable

import (
	"strings"
)

// sqlMode is the part of a session's sql_mode that says what quotes mean.
type sqlMode struct {
	ansiQuotes bool // "…" is a name
	noEscapes  bool // a backslash is a backslash
}

// kind tells tokens of SQL apart, as far as it takes to know which strings
// can be bound.
type kind int

const (
	nothing    kind = iota
	operator        // one character that is none of the others
	word            // keyword, name, number
	name            // `…`, or "…" with ANSI_QUOTES, or a word behind a dot
	str             // '…' or "…"
	comment         //
	executable      // /*! … */
	space
	stray // an expansion outside of all these
)

// token is units[from:to] of a query template.
type token struct {
	kind     kind
	from, to int
	closed   bool // quoted or commented text that ends
}

// lexer cuts a query template into tokens as MariaDB does.
type lexer struct {
	units template
	mode  sqlMode
	at    int
}

// char returns the byte at i; 0 stands for the end and for an expansion.
func (x *lexer) char(i int) byte {
	if i < len(x.units) {
		return x.units[i].char
	}
	return 0
}

// next returns the next token; ok is false at the end.
func (x *lexer) next() (t token, ok bool) {
	if x.at >= len(x.units) {
		return token{}, false
	}
	t.from = x.at
	t.kind, t.closed = x.scan()
	t.to = x.at
	return t, true
}

// scan moves past one token.
func (x *lexer) scan() (kind, bool) {
	c := x.char(x.at)
	switch {
	case x.units[x.at].code != 0:
		x.at++
		return stray, true
	case isSpace(c):
		return space, x.while(isSpace)
	case isWord(c):
		return word, x.while(isWord)
	case c == '\'' || c == '"' && !x.mode.ansiQuotes:
		return str, x.quoted(c, !x.mode.noEscapes)
	case c == '`' || c == '"':
		return name, x.quoted(c, false)
	case c == '#', c == '-' && x.char(x.at+1) == '-' && x.endsDashes(x.at+2):
		x.at = len(x.units) // a query is one line
		return comment, true
	case c == '/' && x.char(x.at+1) == '*':
		return x.comment()
	}
	x.at++
	return operator, true
}

func (x *lexer) while(belongs func(byte) bool) bool {
	for x.at < len(x.units) && x.units[x.at].code == 0 && belongs(x.units[x.at].char) {
		x.at++
	}
	return true
}

// quoted moves past text in quotes; a doubled quote does not end it.
func (x *lexer) quoted(quote byte, escapes bool) bool {
	for x.at++; x.at < len(x.units); x.at++ {
		switch c := x.units[x.at].char; {
		case x.units[x.at].code != 0:
		case c == '\\' && escapes:
			x.at++
		case c == quote && x.char(x.at+1) == quote:
			x.at++
		case c == quote:
			x.at++
			return true
		}
	}
	x.at = len(x.units)
	return false
}

// endsDashes reports whether what stands at i makes `--` a comment.
func (x *lexer) endsDashes(i int) bool {
	return i >= len(x.units) || x.units[i].code == 0 && (x.units[i].char <= ' ' || x.units[i].char == 127)
}

// comment moves past /* … */.
func (x *lexer) comment() (kind, bool) {
	k := comment
	if x.char(x.at+2) == '!' || x.char(x.at+2) == 'M' && x.char(x.at+3) == '!' {
		k = executable
	}
	for x.at += 2; x.at < len(x.units); x.at++ {
		if x.char(x.at) == '*' && x.char(x.at+1) == '/' {
			x.at += 2
			return k, true
		}
	}
	return k, false
}

func isSpace(c byte) bool { return c != 0 && strings.IndexByte(spaces, c) >= 0 }

func isWord(c byte) bool {
	return c >= 0x80 || c == '_' || c == '$' ||
		c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// text returns the bytes of units, expansions as written.
func (t template) text() string {
	var b strings.Builder
	for _, u := range t {
		if u.code != 0 {
			b.WriteByte('%')
			b.WriteByte(u.code)
		} else {
			b.WriteByte(u.char)
		}
	}
	return b.String()
}

// expands reports whether there is an expansion in it.
func (t template) expands() bool {
	for _, u := range t {
		if u.code != 0 {
			return true
		}
	}
	return false
}
