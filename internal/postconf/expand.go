package postconf

import (
	"errors"
	"fmt"
	"strings"
)

const (
	maxNesting  = 100     // mac_expand(3) of Postfix
	maxExpanded = 1 << 20 // bytes; Postfix has no bound
	maxSteps    = 1 << 16 // $names in one value; Postfix has no bound
)

// expander expands one value.
type expander struct {
	view   View
	result builder
	level  int
	steps  int
}

func (v View) expand(t traced) (traced, error) {
	if !strings.Contains(t.text, "$") {
		return t, nil
	}
	e := &expander{view: v}
	err := e.text(t)
	return e.result.traced(), err
}

// nested expands with the level and the bounds of e, to a text of its own.
func (e *expander) nested(t traced) (string, error) {
	inner := &expander{view: e.view, level: e.level, steps: e.steps}
	err := inner.text(t)
	e.steps = inner.steps
	return string(inner.result.text), err
}

// text appends t with its $names expanded.
func (e *expander) text(t traced) error {
	if e.level++; e.level > maxNesting {
		return fmt.Errorf("%.60q: $names refer to each other more than %d deep", t.text, maxNesting)
	}
	defer func() { e.level-- }()
	for i := 0; i < len(t.text); {
		switch {
		case t.text[i] != '$':
			end := i + strings.IndexByte(t.text[i:], '$')
			if end < i {
				end = len(t.text)
			}
			e.result.add(t.slice(i, end))
			i = end
		case strings.HasPrefix(t.text[i:], "$$"):
			e.result.add(t.slice(i, i+1))
			i += 2
		default:
			inner, end, err := reference(t, i+1)
			if err != nil {
				return err
			}
			if err := e.reference(inner); err != nil {
				return err
			}
			i = end
		}
		if e.steps++; e.steps > maxSteps || len(e.result.text) > maxExpanded {
			return fmt.Errorf("%.60q: grows beyond %d bytes when its $names are expanded", t.text, maxExpanded)
		}
	}
	return nil
}

// reference is the text between the parentheses, or the name, after a "$".
func reference(t traced, i int) (inner traced, end int, err error) {
	start := i
	switch {
	case i < len(t.text) && t.text[i] == '{':
		start, end = i+1, closing(t.text, i, '{', '}')
	case i < len(t.text) && t.text[i] == '(':
		start, end = i+1, closing(t.text, i, '(', ')')
	default:
		for end = i; end < len(t.text) && isNameByte(t.text[end]); {
			end++
		}
		if end == i {
			return traced{}, 0, fmt.Errorf("%.60q: a $ without a name; $$ is a dollar sign", t.text)
		}
		return t.slice(i, end), end, nil
	}
	if end < 0 {
		return traced{}, 0, fmt.Errorf("%.60q: the parenthesis after $ is not closed", t.text)
	}
	if end == start {
		return traced{}, 0, fmt.Errorf("%.60q: a $ without a name", t.text)
	}
	return t.slice(start, end), end + 1, nil
}

// reference appends the value of what stands between the parentheses.
func (e *expander) reference(t traced) error {
	value, defined, rest, err := e.condition(t)
	if err != nil {
		return err
	}
	if rest.text == "" {
		if !defined {
			return nil
		}
		return e.text(value)
	}
	operator, rest := rest.text[0], rest.slice(1, len(rest.text))
	ifSet, ifUnset, err := branches(operator, rest)
	if err != nil {
		return err
	}
	if value.text != "" {
		return e.text(ifSet)
	}
	return e.text(ifUnset)
}

// condition is the value of the name or comparison at the start of t, and
// what follows it: nothing, or "?" or ":" and texts.
func (e *expander) condition(t traced) (value traced, defined bool, rest traced, err error) {
	if strings.HasPrefix(strings.TrimLeft(t.text, blanks), "{") {
		return e.comparison(t)
	}
	start := len(t.text) - len(strings.TrimLeft(t.text, blanks))
	end := start
	for end < len(t.text) && isNameByte(t.text[end]) {
		end++
	}
	next := end
	for next < len(t.text) && strings.IndexByte(blanks, t.text[next]) >= 0 {
		next++
	}
	if next < len(t.text) && t.text[next] != '?' && t.text[next] != ':' {
		return traced{}, false, traced{}, fmt.Errorf("%.60q: no name before %.20q, right would be letters, digits and _", t.text, t.text[next:])
	}
	name := t.text[start:end]
	value, _, defined = e.view.raw(name)
	if !defined {
		value, defined = e.view.fallback(name)
	}
	return value, defined, t.slice(next, len(t.text)), nil
}

// branches are the texts of "?{a}:{b}", "?text", ":{b}" and ":text", the
// operator already taken off.
func branches(operator byte, t traced) (ifSet, ifUnset traced, err error) {
	if operator == ':' {
		ifUnset, t, err = operand(t)
		if err == nil && t.text != "" {
			err = fmt.Errorf("text after } at %.40q", t.text)
		}
		return traced{}, ifUnset, err
	}
	ifSet, t, err = operand(t)
	if err != nil || t.text == "" {
		return ifSet, traced{}, err
	}
	if t.text[0] != ':' {
		return traced{}, traced{}, fmt.Errorf("no : at %.40q", t.text)
	}
	_, ifUnset, err = branches(':', t.slice(1, len(t.text)))
	return ifSet, ifUnset, err
}

// operand is the text in braces at the start of t, and what follows it; or,
// without braces, all of t.
func operand(t traced) (text, rest traced, err error) {
	start := len(t.text) - len(strings.TrimLeft(t.text, blanks))
	if start == len(t.text) || t.text[start] != '{' {
		return t, traced{}, nil
	}
	end := closing(t.text, start, '{', '}')
	if end < 0 {
		return traced{}, traced{}, errors.New("a { is not closed")
	}
	next := end + 1
	for next < len(t.text) && strings.IndexByte(blanks, t.text[next]) >= 0 {
		next++
	}
	return t.slice(start+1, end), t.slice(next, len(t.text)), nil
}
