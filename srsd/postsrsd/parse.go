package postsrsd

import (
	"errors"
	"path/filepath"
	"strings"
)

// ParseConf reads the text of a postsrsd.conf; name is the path that errors
// give. It opens no file: names in a domains-file are not in Local, and
// SRSDomain is empty if only that file can tell it. getenv answers ${NAME}.
func ParseConf(name string, text []byte, getenv func(string) (string, bool)) (*Conf, error) {
	c := newConf(name)
	p := &confParser{conf: c, lexer: &lexer{file: name, text: string(text), line: 1, getenv: getenv}}
	if len(text) > maxConf {
		return nil, &Error{File: name, Err: errors.New("is too large: that is no configuration file")}
	}
	if strings.HasPrefix(p.lexer.text, "\ufeff") {
		return nil, p.lexer.errorf("begins with a byte order mark: save it as plain UTF-8 without")
	}
	for {
		more, err := p.option()
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
	}
	if p.lexer.open != 0 {
		c.warn(place{name, p.lexer.open}, "the comment that begins here never ends: everything behind it is ignored")
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	return c, nil
}

// newConf holds the defaults of PostSRSd 2.4. Its build sets the place of the
// secret to the folder of the configuration file.
func newConf(path string) *Conf {
	return &Conf{
		Path: path, KeepAlive: 30e9, ConnectionLimit: 200, MilterRecipientLimit: 1000,
		SecretsFile:      filepath.Join(filepath.Dir(orDefault(path, DefaultConf)), "postsrsd.secret"),
		OriginalEnvelope: "embedded", Separator: '=', HashLength: 4, HashMinimum: 4,
		UnprivilegedUser: DefaultUser, ChrootDir: DefaultChrootDir, Seccomp: true,
		given: map[string]place{}, endpoints: [2]string{DefaultSocketmap, ""},
	}
}

func orDefault(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// confParser reads options into a Conf.
type confParser struct {
	conf  *Conf
	lexer *lexer
}

// option reads one option; more is false at the end of the file.
func (p *confParser) option() (more bool, err error) {
	name, err := p.lexer.next()
	if err != nil || name.kind == 0 {
		return false, err
	}
	at := place{p.lexer.file, name.line}
	if name.kind != 's' {
		return false, at.errorf("%q stands where an option should begin: write NAME = VALUE", name.text)
	}
	set, known := options[name.text]
	if !known {
		return false, at.errorf("%w", unknownOption(name.text))
	}
	values, appended, err := p.values(name.text, set.list)
	if err != nil {
		return false, err
	}
	p.conf.given[name.text] = at
	return true, set.assign(p.conf, values, appended)
}

// values reads = VALUE, and for a list also = { A, B } and += in place of =.
func (p *confParser) values(option string, list bool) (values []value, appended bool, err error) {
	sign, err := p.lexer.next()
	if err != nil {
		return nil, false, err
	}
	at := place{p.lexer.file, sign.line}
	switch {
	case sign.kind == '+' && !list:
		return nil, false, at.errorf("%s is no list: write = in place of +=", option)
	case sign.kind != '=' && sign.kind != '+':
		return nil, false, at.errorf("%s is followed by %s: write %s = VALUE", option, shown(sign.text), option)
	}
	first, err := p.lexer.next()
	if err != nil {
		return nil, false, err
	}
	if first.kind == '{' && list {
		values, err = p.list(option)
		return values, sign.kind == '+', err
	}
	v, err := p.single(option, first)
	return []value{v}, sign.kind == '+', err
}

// value is a string of the file and its place.
type value struct {
	text string
	place
}

func (p *confParser) single(option string, t token) (value, error) {
	at := place{p.lexer.file, t.line}
	if t.kind != 's' {
		return value{}, at.errorf("%s has %s for a value: write a word, or a string in quotes", option, shown(t.text))
	}
	if strings.IndexByte(t.text, 0) >= 0 {
		return value{}, at.errorf("%s has a NUL in its value: that is no text", option)
	}
	return value{t.text, at}, nil
}

// list reads A, B } behind the opening brace; a comma may stand before the }.
func (p *confParser) list(option string) (values []value, err error) {
	for {
		t, err := p.lexer.next()
		if err != nil || t.kind == '}' {
			return values, err
		}
		v, err := p.single(option, t)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
		t, err = p.lexer.next()
		if err != nil || t.kind == '}' {
			return values, err
		}
		if t.kind != ',' {
			return nil, place{p.lexer.file, t.line}.errorf("%s stands in the list of %s: write { A, B, C }", shown(t.text), option)
		}
	}
}
