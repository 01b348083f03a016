package postsrsd

import "strings"

// shell reads the assignments of a file that sh would source. It runs no
// command: what is not an assignment is refused.
type shell struct {
	place    // of the next byte
	text     string
	pos      int
	vars     map[string]value
	warnings warnings
	budget   int // bytes that variables may still add
}

func newShell(file, text string, vars map[string]value) *shell {
	s := &shell{place: place{file, 1}, text: text, vars: vars, budget: maxDefaults}
	if strings.Contains(text, "\r\n") {
		s.text = strings.ReplaceAll(text, "\r\n", "\n")
		s.warnf("the lines end in CR LF, as on Windows: sh would take each CR for a part of the value")
	}
	return s
}

func (s *shell) warnf(format string, args ...any) {
	s.warnings.add(s.place, format, args...)
}

// peek is the next byte, or 0 at the end.
func (s *shell) peek() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

func (s *shell) ahead(prefix string) bool { return strings.HasPrefix(s.text[s.pos:], prefix) }

// skip passes n bytes and counts their lines.
func (s *shell) skip(n int) {
	s.line += strings.Count(s.text[s.pos:s.pos+n], "\n")
	s.pos += n
}

// run reads all assignments into vars; a later one wins.
func (s *shell) run() error {
	if i := strings.IndexByte(s.text, 0); i >= 0 {
		s.skip(i)
		return s.errorf("there is a NUL in the file: that is no text")
	}
	for s.pos < len(s.text) {
		s.skipBlanks()
		switch s.peek() {
		case '\n', ';':
			s.skip(1)
		case '#':
			s.skipComment()
		default:
			if err := s.statement(); err != nil {
				return err
			}
		}
	}
	return nil
}

// skipBlanks skips blanks, and line breaks behind a backslash.
func (s *shell) skipBlanks() {
	for {
		switch {
		case s.peek() == ' ' || s.peek() == '\t':
			s.skip(1)
		case s.ahead("\\\n"):
			s.skip(2)
		default:
			return
		}
	}
}

func (s *shell) skipComment() {
	comment, _, _ := strings.Cut(s.text[s.pos:], "\n")
	s.skip(len(comment))
}

// statement is NAME=VALUE, one or more, perhaps behind export.
func (s *shell) statement() error {
	exported := false
	for {
		s.skipBlanks()
		if s.pos == len(s.text) || strings.IndexByte("\n;#", s.peek()) >= 0 {
			return nil
		}
		name := s.name()
		switch {
		case name != "" && s.peek() == '=':
			if err := s.assign(name); err != nil {
				return err
			}
		case name != "" && exported && s.atWordEnd():
			// export of a variable that has its value already
		case name == "export" && (s.peek() == ' ' || s.peek() == '\t'):
			exported = true
		default:
			return s.notAnAssignment(name)
		}
	}
}

func (s *shell) assign(name string) error {
	at := s.place
	s.skip(1)
	text, err := s.word()
	if err != nil {
		return err
	}
	s.vars[name] = value{text, at}
	return nil
}

// name takes the letters, digits and underscores of a variable.
func (s *shell) name() string {
	end := s.pos
	for end < len(s.text) && isNameByte(s.text[end], end == s.pos) {
		end++
	}
	name := s.text[s.pos:end]
	s.pos = end
	return name
}

func isNameByte(c byte, first bool) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || !first && '0' <= c && c <= '9'
}

func isName(s string) bool {
	for i := range len(s) {
		if !isNameByte(s[i], i == 0) {
			return false
		}
	}
	return s != ""
}

func (s *shell) atWordEnd() bool {
	return s.pos == len(s.text) || strings.IndexByte(" \t\n;", s.peek()) >= 0
}

// notAnAssignment says what is wrong with the word that begins with name.
func (s *shell) notAnAssignment(name string) error {
	if s.ahead("+=") {
		return s.errorf("+= is unknown to sh: write NAME=\"$NAME …\"")
	}
	rest := s.text[s.pos:]
	if end := strings.IndexAny(rest, " \t\n;"); end >= 0 {
		rest = rest[:end]
	}
	if rest == "" && s.ahead(" =") {
		return s.errorf("there is a blank in front of the =: write NAME=VALUE")
	}
	return s.errorf("%s is shell code: only NAME=VALUE is read here", shown(name+rest))
}
