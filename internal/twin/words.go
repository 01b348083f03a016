package twin

import "strings"

// words are the members of a value.
func words(value string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsFuncSeq(value, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) }) {
		set[word] = true
	}
	return set
}

// within reports whether y has all of x.
func within(x, y map[string]bool) bool {
	for word := range x {
		if !y[word] {
			return false
		}
	}
	return true
}
