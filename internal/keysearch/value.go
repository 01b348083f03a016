package keysearch

import "strings"

// adjust makes the value found for a form into what Postfix needs to arrive
// at the same addresses, given that it believes the whole key was matched.
//
// Two things depend on the part that was not matched: a value that begins with
// @ replaces the domain of the key, without the extension; and an extension is
// propagated to every address of the value. Everything else is returned as it
// is. A value that holds no address is too: Postfix says so itself.
func (s *search) adjust(key, value string, form Form) string {
	if form.Extension == "" || !s.class.rewrites() {
		return value
	}
	extension := form.Extension
	if !s.options.Propagate {
		extension = ""
	}
	if strings.HasPrefix(value, "@") {
		a, _ := s.parse(key)
		value = quote(a.bare + value)
	} else if extension == "" {
		return value
	}
	mailboxes := parseAddresses(value)
	if len(mailboxes) == 0 {
		return value
	}
	texts := make([]string, len(mailboxes))
	for i, m := range mailboxes {
		m.local += extension
		texts[i] = m.String()
	}
	return strings.Join(texts, ", ")
}
