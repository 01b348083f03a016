package postsrsd

import (
	"errors"
	"strings"
)

// shell reads the assignments of a file that sh would source. It runs no
// command: what is not an assignment is refused.
type shell struct {
	file  string
	text  string
	pos   int
	line  int
	vars  map[string]variable
	warn  func(at place, format string, args ...any)
	begin int // the line on which the current word begins
}

func (s *shell) errorf(format string, args ...any) error {
	return place{s.file, s.line}.errorf(format, args...)
}

// run reads all assignments into vars; a later one wins.
func (s *shell) run() error {
	for {
		s.skipBlanks()
		if s.pos >= len(s.text) {
			return nil
		}
		switch c := s.text[s.pos]; c {
		case '\n':
			s.line++
			s.pos++
		case ';':
			s.pos++
		case '#':
			s.skipComment()
		default:
			if err := s.statement(); err != nil {
				return err
			}
		}
	}
}

// skipBlanks skips blanks and line breaks behind a backslash.
func (s *shell) skipBlanks() {
	for s.pos < len(s.text) {
		switch {
		case s.text[s.pos] == ' ' || s.text[s.pos] == '\t':
			s.pos++
		case strings.HasPrefix(s.text[s.pos:], "\\\n"):
			s.pos += 2
			s.line++
		default:
			return
		}
	}
}

func (s *shell) skipComment() {
	for s.pos < len(s.text) && s.text[s.pos] != '\n' {
		s.pos++
	}
}

// statement is NAME=VALUE, one or more, perhaps behind export.
func (s *shell) statement() error {
	exported := false
	for {
		s.skipBlanks()
		if s.pos >= len(s.text) || strings.IndexByte("\n;#", s.text[s.pos]) >= 0 {
			return nil
		}
		name := s.name()
		switch {
		case name == "export" && !exported && s.blankAhead():
			exported = true
		case name != "" && s.pos < len(s.text) && s.text[s.pos] == '=':
			if err := s.assign(name); err != nil {
				return err
			}
		case name != "" && exported && s.wordEnds():
			// export of a variable that has its value already
		default:
			return s.notAnAssignment(name)
		}
	}
}

func (s *shell) assign(name string) error {
	at := place{s.file, s.line}
	s.pos++
	text, err := s.word()
	if err != nil {
		return err
	}
	s.vars[name] = variable{text, at}
	return nil
}

// name takes the letters, digits and underscores that begin a word.
func (s *shell) name() string {
	start := s.pos
	for s.pos < len(s.text) && isNameByte(s.text[s.pos], s.pos == start) {
		s.pos++
	}
	return s.text[start:s.pos]
}

func isNameByte(c byte, first bool) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || !first && '0' <= c && c <= '9'
}

func (s *shell) wordEnds() bool {
	return s.pos >= len(s.text) || strings.IndexByte(" \t\n;", s.text[s.pos]) >= 0
}

func (s *shell) blankAhead() bool {
	return s.pos < len(s.text) && (s.text[s.pos] == ' ' || s.text[s.pos] == '\t')
}

// notAnAssignment says what is wrong with a word that begins with name.
func (s *shell) notAnAssignment(name string) error {
	if strings.HasPrefix(s.text[s.pos:], "+=") {
		return s.errorf("%s+= is no assignment of sh: write %s=\"$%s …\"", name, name, name)
	}
	end := strings.IndexAny(s.text[s.pos:], " \t\n;")
	if end < 0 {
		end = len(s.text) - s.pos
	}
	word := name + s.text[s.pos:s.pos+end]
	return s.errorf("%s is shell code: only NAME=VALUE is read here, write the value itself", shown(word))
}

// word reads a value up to a blank, with quotes, backslashes and variables.
func (s *shell) word() (string, error) {
	s.begin = s.line
	var b strings.Builder
	if s.pos < len(s.text) && s.text[s.pos] == '~' {
		return "", s.errorf("~ is not expanded here: write the path itself, or '~' in quotes")
	}
	for s.pos < len(s.text) {
		switch c := s.text[s.pos]; {
		case c == ' ' || c == '\t' || c == '\n' || c == ';':
			return b.String(), nil
		case strings.IndexByte("|&<>()", c) >= 0:
			return "", s.errorf("%q is shell code: write it in quotes if it belongs to the value", c)
		case c == '\'':
			if err := s.singleQuoted(&b); err != nil {
				return "", err
			}
		case c == '"':
			if err := s.doubleQuoted(&b); err != nil {
				return "", err
			}
		case c == '\\':
			s.backslash(&b)
		case c == '$' || c == '`':
			if err := s.expansion(&b); err != nil {
				return "", err
			}
		default:
			b.WriteByte(c)
			s.pos++
		}
	}
	return b.String(), nil
}

// backslash takes the next byte as it is; a line break vanishes.
func (s *shell) backslash(b *strings.Builder) {
	s.pos++
	switch {
	case s.pos >= len(s.text):
		b.WriteByte('\\')
		return
	case s.text[s.pos] == '\n':
		s.line++
	default:
		b.WriteByte(s.text[s.pos])
	}
	s.pos++
}

func (s *shell) unclosed(quote string) error {
	return place{s.file, s.begin}.errorf("the file ends inside of %s quotes: close them", quote)
}

func (s *shell) singleQuoted(b *strings.Builder) error {
	inner, _, closed := strings.Cut(s.text[s.pos+1:], "'")
	if !closed {
		return s.unclosed("single")
	}
	b.WriteString(inner)
	s.line += strings.Count(inner, "\n")
	s.pos += len(inner) + 2
	return nil
}

func (s *shell) doubleQuoted(b *strings.Builder) error {
	for s.pos++; s.pos < len(s.text); {
		switch c := s.text[s.pos]; {
		case c == '"':
			s.pos++
			return nil
		case c == '\\' && s.pos+1 < len(s.text) && strings.IndexByte("$`\"\\\n", s.text[s.pos+1]) >= 0:
			s.backslash(b)
		case c == '$' || c == '`':
			if err := s.expansion(b); err != nil {
				return err
			}
		default:
			if c == '\n' {
				s.line++
			}
			b.WriteByte(c)
			s.pos++
		}
	}
	return s.unclosed("double")
}

var errCommand = errors.New("commands are not run here: write the value itself; an empty SRS_DOMAIN asks `postconf -h mydomain`")

// expansion reads what begins with a dollar sign or a backquote.
func (s *shell) expansion(b *strings.Builder) error {
	if s.text[s.pos] == '`' || strings.HasPrefix(s.text[s.pos:], "$(") {
		return s.errorf("%w", errCommand)
	}
	s.pos++
	if strings.HasPrefix(s.text[s.pos:], "{") {
		return s.braced(b)
	}
	name := s.name()
	if name == "" {
		return s.bareDollar(b)
	}
	return s.expand(b, name)
}

func (s *shell) bareDollar(b *strings.Builder) error {
	if s.pos < len(s.text) && strings.IndexByte("0123456789@*#?-$!'\"", s.text[s.pos]) >= 0 {
		return s.errorf("$%c is shell code: write the value itself, a dollar sign as \\$", s.text[s.pos])
	}
	b.WriteByte('$')
	return nil
}

// braced reads ${NAME} and ${NAME:-default}.
func (s *shell) braced(b *strings.Builder) error {
	inner, _, closed := strings.Cut(s.text[s.pos+1:], "}")
	if !closed || strings.ContainsAny(inner, "\n") {
		return s.errorf("${ has no } behind it: write ${NAME}")
	}
	name, fallback, hasDefault := strings.Cut(inner, ":-")
	if !isName(name) || strings.ContainsAny(fallback, "$`\"'\\") {
		return s.errorf("${%s} is shell code: ${NAME} and ${NAME:-text} are read here", inner)
	}
	s.pos += len(inner) + 2
	if v, ok := s.vars[name]; hasDefault && (!ok || v.text == "") {
		b.WriteString(fallback)
		return nil
	}
	return s.expand(b, name)
}

func isName(s string) bool {
	for i := range len(s) {
		if !isNameByte(s[i], i == 0) {
			return false
		}
	}
	return s != ""
}

// expand adds the value of a variable. One that is not set is empty, as in
// sh; the parameters of Postfix are a mistake so common that it has a name.
func (s *shell) expand(b *strings.Builder, name string) error {
	if v, ok := s.vars[name]; ok {
		b.WriteString(v.text)
		return nil
	}
	switch name {
	case "myhostname", "mydomain", "myorigin", "mydestination":
		return s.errorf("$%s is a parameter of Postfix, which is not expanded here: write the name itself", name)
	}
	s.warn(place{s.file, s.line}, "$%s is not set, so it is empty", name)
	return nil
}
