package postsrsd

import (
	"errors"
	"fmt"
	"strings"
)

// parseConf reads the options, and checks them as far as it needs no domain.
func parseConf(name string, text []byte, getenv func(string) (string, bool)) (*Conf, error) {
	if len(text) > maxConf {
		return nil, &Error{File: name, Err: errTooLarge(maxConf)}
	}
	c := newConf(name)
	p := &confParser{c, &lexer{place: place{name, 1}, text: string(text), getenv: getenv, warn: c.warn, budget: maxConf}}
	for more := true; more; {
		var err error
		if more, err = p.option(); err != nil {
			return nil, err
		}
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	return c, nil
}

// confParser reads options into a Conf.
type confParser struct {
	conf  *Conf
	lexer *lexer
}

// value is a string of a file, and its place.
type value struct {
	text string
	place
}

// option reads one option; more is false at the end of the file.
func (p *confParser) option() (more bool, err error) {
	name, err := p.lexer.next()
	if err != nil || name.kind == 0 {
		p.noticeOpen()
		return false, err
	}
	if name.kind != 's' {
		return false, name.errorf("%s stands where an option should begin: write NAME = VALUE", shown(name.text))
	}
	set, known := options[name.text]
	if !known && p.lexer.dropped.line == name.line {
		return false, name.errorf("there is a + or * outside of quotes: write the value in quotes")
	}
	if !known {
		return false, name.errorf("%w", unknownOption(name.text))
	}
	sign, err := p.lexer.next()
	switch {
	case err != nil:
		return false, err
	case sign.kind == '+' && !set.list:
		return false, sign.errorf("%s is no list: write = in place of +=", name.text)
	case sign.kind != '=' && sign.kind != '+':
		return false, sign.errorf("%s stands behind %s: write %s = VALUE", shown(sign.text), name.text, name.text)
	}
	values, err := p.values(name.text, set.list)
	if err != nil {
		return false, err
	}
	p.conf.given[name.text] = name.place
	return true, set.take(name.text, p.conf, values, sign.kind == '+')
}

// take gives the values to an option, added to those of before or in their
// place.
func (o option) take(name string, c *Conf, values []value, added bool) error {
	if o.list && !added {
		o.reset(c)
	}
	for _, v := range values {
		if err := o.assign(c, v); err != nil {
			return v.errorf("%s: %w", name, err)
		}
	}
	return nil
}

// values reads VALUE, and for a list also { A, B }.
func (p *confParser) values(option string, list bool) ([]value, error) {
	t, err := p.lexer.next()
	if err != nil {
		return nil, err
	}
	if t.kind == '{' && list {
		return p.list(option)
	}
	v, err := p.single(option, t)
	return []value{v}, err
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
		if t.kind == 0 {
			return nil, t.errorf("the file ends inside of the list of %s: add a }", option)
		}
		if t.kind != ',' {
			return nil, t.errorf("%s stands in the list of %s: write { A, B, C }", shown(t.text), option)
		}
	}
}

// single is a token that must be a string.
func (p *confParser) single(option string, t token) (value, error) {
	dropped := p.lexer.dropped
	switch {
	case p.lexer.open.line != 0:
		return value{}, p.lexer.open.errorf("the string that begins here never ends: add a \"")
	case dropped.line != 0 && dropped.line != t.line:
		return value{}, dropped.errorf("%s has a + or * outside of quotes: write the value in quotes", option)
	case t.kind == 0:
		return value{}, t.errorf("the file ends where %s should have a value", option)
	case t.kind != 's':
		return value{}, t.errorf("%s has %s for a value: write a word, or a string in quotes", option, shown(t.text))
	case strings.IndexByte(t.text, 0) >= 0:
		return value{}, t.errorf("%s has a NUL in its value: that is no text", option)
	}
	return value{t.text, t.place}, nil
}

// noticeOpen warns of a string that ends with the file, in place of an option.
func (p *confParser) noticeOpen() {
	if open := p.lexer.open; open.line != 0 {
		p.conf.warn(open, "the string that begins here never ends: all that follows is ignored, as PostSRSd does")
	}
}

// unknownOption names what was probably meant.
func unknownOption(name string) error {
	if name == "include" {
		return errors.New("include() is unknown to PostSRSd: write the options into this file")
	}
	if strings.HasPrefix(name, "SRS_") {
		return fmt.Errorf("%s is a variable of /etc/default/postsrsd: that file is read with --defaults", shown(name))
	}
	if strings.HasPrefix(name, "\ufeff") {
		return errors.New("the file begins with a byte order mark: save it as UTF-8 without one")
	}
	likely := strings.ReplaceAll(strings.ToLower(name), "_", "-")
	if _, known := options[likely]; known {
		return fmt.Errorf("there is no option %s: write %s", shown(name), likely)
	}
	return fmt.Errorf("there is no option %s: see the list in postsrsd.conf of PostSRSd 2.4", shown(name))
}
