package doctor

import (
	"slices"
	"strconv"
	"strings"

	"postern/internal/postconf"
)

// The conditions of rules.

func notEmpty(v string) bool { return v != "" }

// oneOf accepts each of the words.
func oneOf(words ...string) func(string) bool {
	return func(v string) bool { return slices.Contains(words, v) }
}

// lists accepts a list with all of the words in it, in any order.
func lists(words ...string) func(string) bool {
	return func(v string) bool {
		got := postconf.SplitList(v)
		return !slices.ContainsFunc(words, func(w string) bool { return !slices.Contains(got, w) })
	}
}

// lacks accepts a list with none of the words in it.
func lacks(words ...string) func(string) bool {
	return func(v string) bool {
		got := postconf.SplitList(v)
		return !slices.ContainsFunc(words, func(w string) bool { return slices.Contains(got, w) })
	}
}

// from accepts a number between two.
func from(least, most int64) func(string) bool {
	return func(v string) bool {
		n, err := strconv.ParseInt(v, 10, 64)
		return err == nil && n >= least && n <= most
	}
}

// begins accepts what begins with a text.
func begins(prefix string) func(string) bool {
	return func(v string) bool { return strings.HasPrefix(v, prefix) }
}

// has is true of a seat where a parameter is not empty.
func has(name string) func(seat) bool {
	return func(s seat) bool { return s.value(name) != "" }
}

// setsItself is true of a service with a -o of its own for a parameter.
func setsItself(name string) func(seat) bool {
	return func(s seat) bool { _, own := s.override(name); return own }
}

// storesNothing is true where no domain is local.
func storesNothing(s seat) bool { return s.value("mydestination") == "" }
