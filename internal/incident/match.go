package incident

import (
	"strings"

	"postern/internal/lookup"
)

// match tells what belongs to an incident.
type match struct {
	kind      Kind
	name      string // folded
	delimiter string // recipient_delimiter: a set of characters
}

func newMatch(kind Kind, name, delimiter string) match {
	return match{kind: kind, name: lookup.Fold(name), delimiter: delimiter}
}

// is reports whether a kind is in question.
func (m match) is(kind Kind) bool { return m.kind == kind || m.kind == Unknown }

// login judges who handed a message in.
func (m match) login(name string) bool {
	return m.is(Login) && name != "" && lookup.Fold(name) == m.name
}

// recipient judges an address and, where aliases led from another one to it,
// that one (original), else "".
func (m match) recipient(address, original string) bool {
	got := lookup.Fold(address)
	if m.is(Destination) && (got == m.name || m.plain(got) == m.name) { // propagate_unmatched_extensions
		return true
	}
	asked := lookup.Fold(original)
	if asked == "" {
		asked = got
	}
	if m.is(Alias) && (asked == m.name || m.plain(asked) == m.name) {
		return true
	}
	if !m.is(Handle) || asked == got {
		return false // a handle always leads on
	}
	local, _, ok := cutDomain(asked)
	plain, _, _ := cutDomain(m.plain(asked))
	return ok && (local == m.name || plain == m.name)
}

// plain is an address without its extension.
func (m match) plain(address string) string {
	local, domain, ok := cutDomain(address)
	at := -1
	if ok && len(local) > 1 {
		at = strings.IndexAny(local[1:], m.delimiter)
	}
	if at < 0 {
		return address
	}
	return local[:at+1] + "@" + domain
}

func cutDomain(address string) (local, domain string, ok bool) {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return address, "", false
	}
	return address[:at], address[at+1:], true
}
