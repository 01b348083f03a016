package postconf

import (
	"slices"
	"strings"
)

// Table is "type:name", as lookup tables are written.
type Table struct {
	Text  string // as written
	Proxy bool   // "proxy:" stands before it: proxymap(8) opens it
	Type  string // "mysql", "hash", "socketmap", …; empty if Text names no table
	Name  string // what follows the type
	Place Place
	// Members are the tables in the braces of pipemap: and unionmap:.
	Members []Table
	// Options are those of "{ type:name, { search_order = … } }" in
	// restriction lists.
	Options []Entry
}

// ParseTable reads "type:name", "proxy:type:name" and, as restriction lists
// allow, "{ type:name, options }".
func ParseTable(text string) Table {
	return parseTable(traced{text: text})
}

// Tables reads the tables of a list of them; words that name none, such as
// the domains of mydestination, have an empty Type.
func (s Setting) Tables() []Table {
	var tables []Table
	for _, word := range s.Words() {
		tables = append(tables, word.Table())
	}
	return tables
}

// Table reads the word as a table.
func (w Word) Table() Table {
	t := parseTable(w.traced())
	if t.Place == (Place{}) {
		t.Place = w.Place
	}
	return t
}

func parseTable(t traced) Table {
	table := Table{Text: t.text, Place: t.at(0)}
	if inner, err := unbrace(t); err == nil && inner.text != t.text {
		words := splitWords(inner, commasAndBlanks)
		if len(words) == 0 {
			return table
		}
		table = parseTable(words[0].traced())
		table.Options = options(words[1:])
		return table
	}
	rest := t
	if after, proxied := strings.CutPrefix(rest.text, "proxy:"); proxied {
		table.Proxy = true
		rest = rest.slice(len(rest.text)-len(after), len(rest.text))
	}
	kind, name, found := strings.Cut(rest.text, ":")
	if !found || !isTableType(kind) {
		table.Proxy = false
		return table
	}
	table.Type, table.Name = kind, name
	if kind == "pipemap" || kind == "unionmap" {
		table.Members = members(rest.slice(len(kind)+1, len(rest.text)))
	}
	return table
}

// isTableType tells a type from a drive letter, a host and the like: types
// are lower-case names.
func isTableType(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") == "" && s[0] >= 'a'
}

// members are the tables of "{table, table}", each perhaps in braces.
func members(t traced) []Table {
	inner, err := unbrace(t.trim())
	if err != nil || inner.text == t.text {
		return nil
	}
	var tables []Table
	for _, word := range splitWords(inner, commasAndBlanks) {
		tables = append(tables, word.Table())
	}
	return tables
}

// options are "name=value" and "{ name = value }".
func options(words []Word) []Entry {
	var entries []Entry
	for _, word := range words {
		text, err := unbrace(word.traced())
		if err != nil {
			continue
		}
		if name, value, err := splitNameValue(text); err == nil {
			entries = append(entries, Entry{Name: name, Raw: value.text, Place: word.Place, text: value})
		}
	}
	return entries
}

// All is the table and, within pipemap: and unionmap:, its members.
func (t Table) All() []Table {
	all := []Table{t}
	for _, member := range t.Members {
		all = append(all, member.All()...)
	}
	return all
}

// Is reports whether the table, proxied or not, is of one of the types.
func (t Table) Is(types ...string) bool {
	return slices.Contains(types, t.Type)
}

// Inline are the keys and values of "inline:{ key=value, { key = value } }".
func (t Table) Inline() []Entry {
	inner, err := unbrace(traced{text: strings.TrimSpace(t.Name)})
	if t.Type != "inline" || err != nil || inner.text == t.Name {
		return nil
	}
	return options(splitWords(inner, commasAndBlanks))
}

// Socketmap is the endpoint and the map of "socketmap:ENDPOINT:MAP".
func (t Table) Socketmap() (endpoint, name string) {
	i := strings.LastIndexByte(t.Name, ':')
	if t.Type != "socketmap" || i < 0 {
		return "", ""
	}
	return t.Name[:i], t.Name[i+1:]
}
