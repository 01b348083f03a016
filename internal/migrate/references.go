package migrate

import (
	"os"
	"regexp"
	"slices"
	"strings"

	"postern/internal/postconf"
)

// reference is a table where it is written: a piece of the text of an entry
// of main.cf or of an override of master.cf.
type reference struct {
	service    *postconf.Service // nil: main.cf
	entry      postconf.Entry
	start, end int // of the piece in entry.Raw
	place      postconf.Place
	table      postconf.Table // with $names expanded
	uses       []postconf.Lookup
}

func (r *reference) path() string { return r.table.Name }

// search is the one way in which the table is searched; false if there are
// several.
func (r *reference) search() (postconf.Search, bool) {
	for _, use := range r.uses[1:] {
		if use.Search != r.uses[0].Search {
			return "", false
		}
	}
	return r.uses[0].Search, r.uses[0].Search != postconf.SearchNone
}

// other is the first search that is not the first one.
func (r *reference) other() postconf.Search {
	for _, use := range r.uses {
		if use.Search != r.uses[0].Search {
			return use.Search
		}
	}
	return r.uses[0].Search
}

// restricts tells a table in a restriction list from one in a list of tables.
func (r *reference) restricts() bool { return r.uses[0].Restriction != "" }

// findReferences collects the tables that are of interest, in the order of
// the files.
func (s *Source) findReferences() {
	uses := s.lookupsByEntry()
	for _, entry := range s.postfix.Main {
		if counts, _ := s.postfix.Entry(entry.Name); counts.Place == entry.Place {
			s.scan(nil, entry, uses)
		}
	}
	for _, service := range s.postfix.Master {
		for _, entry := range service.Overrides {
			s.scan(service, entry, uses)
		}
	}
	s.findLeft()
	s.refs = withoutIndirect(s.refs)
}

// findLeft collects the tables that Postfix asks and no reference stands for.
func (s *Source) findLeft() {
	covered := func(l postconf.Lookup) bool {
		return slices.ContainsFunc(s.refs, func(r *reference) bool {
			return slices.ContainsFunc(r.uses, func(use postconf.Lookup) bool {
				return use.Service == l.Service && use.Parameter == l.Parameter && use.Table.Text == l.Table.Text
			})
		})
	}
	for _, l := range s.postfix.Lookups() {
		mysql := l.Table.Is("mysql") || l.Table.Type == "debug" && strings.Contains(l.Table.Name, "mysql:")
		byAliases := l.Parameter == "virtual_alias_domains" && byDefault(s.postfix.View(l.Service))
		if mysql && !byAliases && !covered(l) {
			s.left = append(s.left, l)
		}
	}
}

// withoutIndirect keeps one of a $name and the table that it stands for: the
// table, or, where it is searched in several ways, each $name.
func withoutIndirect(refs []*reference) []*reference {
	drop := map[*reference]bool{}
	for _, outer := range refs {
		name := strings.Trim(outer.entry.Raw[outer.start:outer.end], "${}()")
		if !strings.HasPrefix(outer.entry.Raw[outer.start:], "$") {
			continue
		}
		for _, inner := range refs {
			if inner == outer || inner.entry.Name != name || inner.table.Text != outer.table.Text {
				continue
			}
			_, one := inner.search()
			drop[outer] = drop[outer] || one
			drop[inner] = drop[inner] || !one
		}
	}
	return slices.DeleteFunc(slices.Clone(refs), func(r *reference) bool { return drop[r] })
}

// byDefault reports whether the alias tables say which domains there are.
func byDefault(view postconf.View) bool {
	return strings.Trim(strings.TrimSpace(view.Get("virtual_alias_domains").Raw), "${}()") == "virtual_alias_maps"
}

// usesByEntry are lookups by the place of the entries whose text they are
// made of.
type usesByEntry map[postconf.Place][]postconf.Lookup

func (s *Source) lookupsByEntry() usesByEntry {
	uses := usesByEntry{}
	for _, l := range s.postfix.Lookups() {
		view := s.postfix.View(l.Service)
		if l.Parameter == "virtual_alias_domains" && byDefault(view) {
			continue // the domains come from elsewhere after the switch, or are asked of the alias map as before
		}
		for place := range closure(view, l.Parameter, map[postconf.Place]bool{}) {
			uses[place] = append(uses[place], l)
		}
	}
	return uses
}

// closure is the places of the entries that the value of a parameter is made
// of, by way of $names.
func closure(view postconf.View, name string, seen map[postconf.Place]bool) map[postconf.Place]bool {
	entry, set := view.Entry(name)
	if set && seen[entry.Place] {
		return seen
	}
	raw := entry.Raw
	if set {
		seen[entry.Place] = true
	} else if raw = view.Get(name).Raw; !strings.Contains(raw, "$") {
		return seen
	}
	for _, inner := range postconf.Names(raw) {
		if inner != name {
			closure(view, inner, seen)
		}
	}
	return seen
}

// scan finds the tables of one entry.
func (s *Source) scan(service *postconf.Service, entry postconf.Entry, uses usesByEntry) {
	view := s.postfix.View(service)
	for _, piece := range pieces(entry.Raw) {
		text, err := view.Expand(entry.Raw[piece[0]:piece[1]])
		if err != nil {
			continue
		}
		r := &reference{service: service, entry: entry, start: piece[0], end: piece[1], table: postconf.ParseTable(text), place: entry.Place}
		for _, use := range uses[entry.Place] {
			if use.Table.Text == text {
				r.uses = append(r.uses, use)
				r.place = use.Table.Place
			}
		}
		if len(r.uses) == 0 {
			continue
		}
		s.sort(r)
	}
}

// sort puts a reference where it belongs.
func (s *Source) sort(r *reference) {
	switch {
	case r.table.Is("mysql"):
		s.refs = append(s.refs, r)
	case r.table.Is("regexp", "pcre") && r.uses[0].Restriction == "check_sender_access" && refusesSRS(r.table.Name):
		s.inbound = append(s.inbound, r)
	case r.table.Is("tcp", "socketmap") && slices.Contains([]string{"sender_canonical_maps", "recipient_canonical_maps"}, r.uses[0].Parameter):
		s.srsRefs = append(s.srsRefs, r)
	}
}

// refusesSRS tells a file of patterns all of which refuse SRS senders.
func refusesSRS(path string) bool {
	text, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	found := false
	pattern := regexp.MustCompile(`(?i)^/.*SRS.*/\w*\s+(REJECT|5\d\d)\b`)
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if !pattern.MatchString(line) {
			return false
		}
		found = true
	}
	return found
}

// pieces are the offsets of what stands between commas, blanks and braces; a
// ${…} is part of its piece.
func pieces(raw string) [][2]int {
	var all [][2]int
	start := -1
	flush := func(end int) {
		if start >= 0 {
			all = append(all, [2]int{start, end})
		}
		start = -1
	}
	for i := 0; i < len(raw); i++ {
		if raw[i] == '$' && i+1 < len(raw) && strings.IndexByte("({", raw[i+1]) >= 0 {
			if start < 0 {
				start = i
			}
			i = afterBrace(raw, i+1)
			continue
		}
		if strings.IndexByte(", \t\r\n{}", raw[i]) >= 0 {
			flush(i)
		} else if start < 0 {
			start = i
		}
	}
	flush(len(raw))
	return all
}

// afterBrace is where the brace that opens at i closes.
func afterBrace(raw string, i int) int {
	open, shut := raw[i], byte('}')
	if open == '(' {
		shut = ')'
	}
	for level := 0; i < len(raw); i++ {
		switch raw[i] {
		case open:
			level++
		case shut:
			if level--; level == 0 {
				return i
			}
		}
	}
	return len(raw)
}
