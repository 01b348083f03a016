package mysqltable

import (
	"fmt"
	"slices"
	"strings"
)

// query is a query template compiled for the sessions it may meet.
type query struct {
	text       string // the template
	charset    string // of the session
	usual      *statement
	others     map[sqlMode]variant // nil where the mode makes no difference
	hasEffects bool                // no SELECT: must not be asked twice
}

// variant is the query for sessions of one mode.
type variant struct {
	st  *statement
	err error
}

// newQuery compiles a template. What the default mode of the server cannot
// take is refused.
func newQuery(t template, charset string) (*query, error) {
	usual, err := compile(t, sqlMode{})
	if err != nil {
		return nil, err
	}
	if escapesWithin(charset) && strings.IndexFunc(t.text(), func(r rune) bool { return r >= 0x80 }) >= 0 {
		return nil, fmt.Errorf("a letter outside of ASCII cannot be told from a quote in charset %s: write charset = utf8mb4", charset)
	}
	q := &query{text: t.text(), charset: charset, usual: usual, hasEffects: !usual.reads()}
	for _, mode := range []sqlMode{{ansiQuotes: true}, {noEscapes: true}, {ansiQuotes: true, noEscapes: true}} {
		st, err := compile(t, mode)
		if err == nil && usual.equal(st) {
			continue
		}
		if q.others == nil {
			q.others = map[sqlMode]variant{}
		}
		q.others[mode] = variant{st, err}
	}
	return q, nil
}

// escapesWithin reports whether a backslash byte may be part of a letter.
func escapesWithin(charset string) bool {
	return slices.Contains([]string{"big5", "gbk", "sjis", "cp932", "gb18030"}, charset)
}

// reads reports whether the statement can be asked twice without harm.
func (s *statement) reads() bool {
	return slices.Contains([]string{"SELECT", "WITH", "VALUES", "SHOW"}, s.verb())
}

// forMode returns the statement for a session with that sql_mode.
func (q *query) forMode(mode string) (*statement, error) {
	names := strings.Split(strings.ToUpper(mode), ",")
	v, differs := q.others[sqlMode{
		ansiQuotes: slices.Contains(names, "ANSI_QUOTES"),
		noEscapes:  slices.Contains(names, "NO_BACKSLASH_ESCAPES"),
	}]
	switch {
	case !differs:
		return q.usual, nil
	case v.err != nil:
		return nil, fmt.Errorf("sql_mode %s: %w", mode, v.err)
	}
	return v.st, nil
}

// literal returns the SQL with each text as a hexadecimal literal: the same
// value, collation and coercibility as the string in quotes, and no text of a
// key in it.
func (q *query) literal(st *statement, texts []string) string {
	var b strings.Builder
	for i, sql := range st.sql {
		b.WriteString(sql)
		if i < len(texts) {
			fmt.Fprintf(&b, " _%s X'%X' ", q.charset, texts[i])
		}
	}
	return b.String()
}
