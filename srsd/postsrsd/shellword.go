package postsrsd

import "strings"

// word reads a value up to a blank: quotes, backslashes, variables.
func (s *shell) word() (string, error) {
	if s.peek() == '~' {
		return "", s.errorf("~ is not expanded here: write the path itself, or the ~ in quotes")
	}
	var b strings.Builder
	for !s.atWordEnd() {
		var err error
		switch c := s.peek(); {
		case strings.IndexByte("|&<>()", c) >= 0:
			err = s.errorf("%q is shell code: write the value in quotes if it belongs there", c)
		case c == '\'':
			err = s.singleQuoted(&b)
		case c == '"':
			err = s.doubleQuoted(&b)
		case c == '\\':
			s.backslash(&b)
		case c == '$' || c == '`':
			err = s.expansion(&b)
		default:
			s.take(&b)
		}
		if err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// take takes a byte as it is.
func (s *shell) take(b *strings.Builder) {
	b.WriteByte(s.peek())
	s.skip(1)
}

// backslash takes the byte behind it as it is; a line break vanishes.
func (s *shell) backslash(b *strings.Builder) {
	switch {
	case s.ahead("\\\n"):
		s.skip(2)
	case s.pos+1 == len(s.text):
		s.take(b)
	default:
		s.skip(1)
		s.take(b)
	}
}

func (s *shell) singleQuoted(b *strings.Builder) error {
	inner, _, closed := strings.Cut(s.text[s.pos+1:], "'")
	if !closed {
		return s.errorf("the quote that begins here is never closed: add a '")
	}
	b.WriteString(inner)
	s.skip(len(inner) + 2)
	return nil
}

func (s *shell) doubleQuoted(b *strings.Builder) error {
	begin := s.place
	s.skip(1)
	for s.pos < len(s.text) {
		switch c := s.peek(); {
		case c == '"':
			s.skip(1)
			return nil
		case c == '\\' && s.pos+1 < len(s.text) && strings.IndexByte("$`\"\\\n", s.text[s.pos+1]) >= 0:
			s.backslash(b)
		case c == '$' || c == '`':
			if err := s.expansion(b); err != nil {
				return err
			}
		default:
			s.take(b)
		}
	}
	return begin.errorf("the quote that begins here is never closed: add a \"")
}

// expansion reads what begins with a dollar sign or a backquote.
func (s *shell) expansion(b *strings.Builder) error {
	switch {
	case s.ahead("`") || s.ahead("$("):
		return s.errorf("commands are not run here: write what it prints (an empty SRS_DOMAIN asks `postconf -h mydomain`)")
	case s.ahead("${"):
		return s.braced(b)
	}
	s.skip(1)
	if name := s.name(); name != "" {
		return s.expand(b, name)
	}
	if c := s.peek(); c != 0 && strings.IndexByte("0123456789@*#?-$!'", c) >= 0 {
		return s.errorf("$%c is shell code: write the value itself, a dollar sign as \\$", c)
	}
	b.WriteByte('$')
	return nil
}

// braced reads ${NAME} and ${NAME:-TEXT}.
func (s *shell) braced(b *strings.Builder) error {
	inner, _, closed := strings.Cut(s.text[s.pos+2:], "}")
	if !closed {
		return s.errorf("${ is never closed: write ${NAME}")
	}
	name, fallback, hasFallback := strings.Cut(inner, ":-")
	if !isName(name) || strings.ContainsAny(fallback, "$`\"'\\{ \t\n") {
		return s.errorf("%s is shell code: ${NAME} and ${NAME:-WORD} are read here, write the value itself", shown("${"+inner+"}"))
	}
	if hasFallback && s.vars[name].text == "" {
		s.skip(len(inner) + 3)
		return s.add(b, fallback)
	}
	err := s.expand(b, name)
	s.skip(len(inner) + 3)
	return err
}

// expand adds the value of a variable. One that is not set is empty, as in sh,
// but the parameters of Postfix get their own word: many expect them here.
func (s *shell) expand(b *strings.Builder, name string) error {
	v, ok := s.vars[name]
	if ok {
		return s.add(b, v.text)
	}
	switch name {
	case "myhostname", "mydomain", "myorigin", "mydestination":
		return s.errorf("$%s is a parameter of Postfix, and not expanded here: write the name itself", name)
	}
	s.warnf("$%.64s is not set: it stands for nothing", name)
	return nil
}

// add adds the value of a variable. Variables made of variables could outgrow
// any memory.
func (s *shell) add(b *strings.Builder, text string) error {
	s.budget -= len(text)
	if s.budget < 0 {
		return s.errorf("the variables have grown by more than %d bytes: that is no configuration file", maxDefaults)
	}
	b.WriteString(text)
	return nil
}
