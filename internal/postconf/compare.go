package postconf

import (
	"fmt"
	"strconv"
	"strings"
)

// compatLevel1 is compatibility level 1 as compatLevel has it.
const compatLevel1 = 1 << 20

// comparison evaluates "{a} == {b}" at the start of t. Its value is "true"
// or empty.
func (e *expander) comparison(t traced) (value traced, defined bool, rest traced, err error) {
	fail := func(err error) (traced, bool, traced, error) { return traced{}, false, traced{}, err }
	left, rest, err := operand(t)
	if err != nil {
		return fail(err)
	}
	n := 0
	for n < len(rest.text) && strings.IndexByte("<>!=?+-*/~&|%", rest.text[n]) >= 0 {
		n++
	}
	operator := rest.text[:n]
	m := n
	for m < len(rest.text) && isNameByte(rest.text[m]) && rest.text[m] != '_' {
		m++
	}
	suffix := rest.text[n:m]
	rest = rest.slice(m, len(rest.text))
	if !strings.HasPrefix(strings.TrimLeft(rest.text, blanks), "{") {
		return fail(fmt.Errorf("no {text} after %s%s in %.60q", operator, suffix, t.text))
	}
	right, rest, err := operand(rest)
	if err != nil {
		return fail(err)
	}
	a, err := e.nested(left)
	if err != nil {
		return fail(err)
	}
	b, err := e.nested(right)
	if err != nil {
		return fail(err)
	}
	holds, err := compare(a, operator, suffix, b)
	if err != nil {
		return fail(err)
	}
	if rest.text != "" && rest.text[0] != '?' && rest.text[0] != ':' {
		return fail(fmt.Errorf("neither ? nor : at %.40q", rest.text))
	}
	if holds {
		value = traced{text: "true"}
	}
	return value, true, rest, nil
}

// compare compares numbers as numbers, compatibility levels as such, and
// everything else as text.
func compare(a, operator, suffix, b string) (bool, error) {
	delta := strings.Compare(a, b)
	switch suffix {
	case "":
		if digits(a) && digits(b) {
			x, errA := strconv.ParseInt(a, 10, 64)
			y, errB := strconv.ParseInt(b, 10, 64)
			if errA != nil || errB != nil {
				return false, fmt.Errorf("%.40q or %.40q is too large a number", a, b)
			}
			delta = sign(x - y)
		}
	case "level":
		x, err := compatLevel(a)
		if err != nil {
			return false, err
		}
		y, err := compatLevel(b)
		if err != nil {
			return false, err
		}
		delta = sign(x - y)
	default:
		return false, fmt.Errorf("%.40q after %s, right would be nothing or \"level\"", suffix, operator)
	}
	return holds(delta, operator)
}

func sign(n int64) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

func holds(delta int, operator string) (bool, error) {
	switch operator {
	case "==":
		return delta == 0, nil
	case "!=":
		return delta != 0, nil
	case "<":
		return delta < 0, nil
	case "<=":
		return delta <= 0, nil
	case ">=":
		return delta >= 0, nil
	case ">":
		return delta > 0, nil
	}
	return false, fmt.Errorf("comparison %.20q, right would be ==, !=, <, <=, >= or >", operator)
}

// compatLevel is a compatibility level "major.minor.patch" as a number that
// compares, ten bits for minor and patch each.
func compatLevel(s string) (int64, error) {
	parts := strings.Split(s, ".")
	if len(parts) > 3 {
		return 0, fmt.Errorf("compatibility level %.40q, right would be major.minor.patch", s)
	}
	var level int64
	for i := range 3 {
		level <<= 10
		if i >= len(parts) {
			continue
		}
		n, err := strconv.ParseUint(parts[i], 10, 10)
		if err != nil {
			return 0, fmt.Errorf("compatibility level %.40q, right would be major.minor.patch", s)
		}
		level += int64(n)
	}
	return level, nil
}
