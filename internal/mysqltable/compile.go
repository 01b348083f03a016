package mysqltable

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// statement is a compiled query: SQL with gaps, and what goes into each gap.
type statement struct {
	sql   []string   // one more than binds
	binds []template // the unescaped content of each quoted string
}

// prepared returns the SQL with a parameter in each gap. The blanks matter:
// `?AND` is no parameter.
func (s *statement) prepared() string { return strings.Join(s.sql, " ? ") }

// bound returns the text for each gap.
func (s *statement) bound(key address) []string {
	texts := make([]string, len(s.binds))
	for i, t := range s.binds {
		texts[i] = string(t.append(nil, key, key))
	}
	return texts
}

// equal reports whether two statements are the same.
func (s *statement) equal(o *statement) bool {
	if o == nil || s.prepared() != o.prepared() || len(s.binds) != len(o.binds) {
		return false
	}
	for i := range s.binds {
		if s.binds[i].text() != o.binds[i].text() {
			return false
		}
	}
	return true
}

// compiler turns the tokens of one query template into a statement.
type compiler struct {
	lexer
	out     strings.Builder
	st      statement
	before  token // the last token that is neither space nor comment
	earlier token // the one before that
	ended   bool  // behind a `;`
}

// compile makes the statement for sessions of that mode, or says why it
// cannot be made.
func compile(t template, mode sqlMode) (*statement, error) {
	c := compiler{lexer: lexer{units: t, mode: mode}}
	for {
		tok, ok := c.next()
		if !ok {
			break
		}
		if err := c.token(tok); err != nil {
			return nil, err
		}
	}
	c.cut()
	if c.before.kind == nothing {
		return nil, errors.New("the query is empty")
	}
	if verb := c.st.verb(); len(c.st.binds) > 0 && slices.Contains([]string{"SHOW", "DESCRIBE", "DESC", "HELP"}, verb) {
		return nil, fmt.Errorf("%s takes no bound value: SELECT from information_schema", verb)
	}
	return &c.st, nil
}

// verb is the first word, in capitals.
func (s *statement) verb() string {
	fields := strings.FieldsFunc(s.sql[0], func(r rune) bool { return r == '(' || strings.ContainsRune(spaces, r) })
	if len(fields) == 0 {
		return ""
	}
	return strings.ToUpper(fields[0])
}

// cut ends the SQL before a gap, or at the end.
func (c *compiler) cut() {
	c.st.sql = append(c.st.sql, c.out.String())
	c.out.Reset()
}

func (c *compiler) token(t token) error {
	content := c.units[t.from:t.to]
	if err := c.acceptable(t, content); err != nil {
		return err
	}
	switch t.kind {
	case space, comment:
		c.out.WriteString(content.sql())
		return nil
	case str:
		if err := c.str(t, content); err != nil {
			return err
		}
	case operator:
		if content[0].char == ';' {
			c.ended = true
			return nil
		}
		c.out.WriteString(content.sql())
	default:
		c.out.WriteString(content.sql())
	}
	if t.kind == word && c.before.kind == operator && c.char(c.before.from) == '.' {
		t.kind = name
	}
	c.earlier, c.before = c.before, t
	return nil
}

// sql returns the SQL of units without expansions.
func (t template) sql() string {
	b := make([]byte, len(t))
	for i, u := range t {
		b[i] = u.char
	}
	return string(b)
}

// acceptable refuses what cannot be part of a prepared statement.
func (c *compiler) acceptable(t token, content template) error {
	switch {
	case c.ended && t.kind != space && t.kind != comment:
		return errors.New("several statements: one query takes one statement, with one ';' at its end at most")
	case !t.closed:
		return fmt.Errorf("unfinished quotes or comment: %s", excerpt(content))
	case t.kind == stray:
		return fmt.Errorf("%s stands outside of quotes, where it cannot be bound: write '%s'", content.text(), content.text())
	case t.kind == name && content.expands():
		return fmt.Errorf("%s: the name of a table or column cannot be bound: write the name itself", excerpt(content))
	case t.kind == comment && content.expands():
		return fmt.Errorf("%s: a comment cannot take an expansion: remove it", excerpt(content))
	case t.kind == executable && (content.expands() || strings.ContainsAny(content.text(), "'\"`?;#\\-")):
		return fmt.Errorf("%s: what this comment holds depends on the server's version: write it without /*! */", excerpt(content))
	case t.kind == operator && content[0].char == '?':
		return errors.New("a '?' outside of quotes is no SQL")
	case t.kind == operator && content[0].char == 0:
		return errors.New("NUL byte in the query")
	}
	return nil
}

// str keeps a string without expansions and makes a gap of one with them.
func (c *compiler) str(t token, content template) error {
	if c.before.kind == nothing {
		return fmt.Errorf("%s: the query is in quotes, which nobody removes: write it without", excerpt(content))
	}
	adjacent := c.before.kind == str
	if !content.expands() {
		if adjacent && c.units[c.before.from:c.before.to].expands() {
			return fmt.Errorf("%s behind another string: strings side by side cannot be bound: make them one, or use CONCAT()", excerpt(content))
		}
		c.out.WriteString(content.sql())
		return nil
	}
	if why := c.unbindable(); why != "" {
		return fmt.Errorf("%s %s", excerpt(content), why)
	}
	text, err := c.unescape(content)
	if err != nil {
		return fmt.Errorf("%s: %w", excerpt(content), err)
	}
	if strings.HasSuffix(c.out.String(), "--") {
		c.out.WriteString("/**/") // the blank before the gap would make a comment of the two signs
	}
	c.cut()
	c.st.binds = append(c.st.binds, text)
	return nil
}

// unescape returns what the server sees of a quoted string.
func (c *compiler) unescape(content template) (template, error) {
	quote := content[0].char
	var text template
	for i := 1; i < len(content)-1; i++ {
		u := content[i]
		if u.code == 0 && u.char == quote { // doubled
			i++
		}
		if u.code != 0 || u.char != '\\' || c.mode.noEscapes {
			text = append(text, u)
			continue
		}
		i++
		if content[i].code != 0 {
			return nil, errors.New("a backslash before an expansion would change its first character: write \\\\ for a backslash")
		}
		text = append(text, escaped(content[i].char)...)
	}
	return text, nil
}

// escaped returns what a backslash and a character mean in a string. `\%` and
// `\_` keep the backslash, for LIKE.
func escaped(c byte) template {
	if c == '%' || c == '_' {
		return template{{char: '\\'}, {char: c}}
	}
	if i := strings.IndexByte("0bnrtZ", c); i >= 0 {
		c = "\x00\b\n\r\t\x1a"[i]
	}
	return template{{char: c}}
}

func excerpt(t template) string { return bounded(t.text()) }
