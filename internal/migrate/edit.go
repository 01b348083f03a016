package migrate

import (
	"cmp"
	"slices"
	"strings"

	"postern/internal/postconf"
)

// Edit is one parameter of main.cf, or one -o of a service of master.cf, with
// what it says before and after.
type Edit struct {
	Service string // NAME/TYPE of master.cf; empty: main.cf
	Name    string
	Place   postconf.Place // where the old value stands; zero if there is none
	WasSet  bool
	Old     string // as written, continuation lines joined
	IsSet   bool
	New     string
	Why     []string

	service *postconf.Service // before any edit; nil: main.cf
}

// Changed reports whether the edit does anything.
func (e Edit) Changed() bool {
	return e.WasSet != e.IsSet || e.Old != e.New
}

// back is the edit that undoes e.
func (e Edit) back() Edit {
	e.Old, e.New = e.New, e.Old
	e.WasSet, e.IsSet = e.IsSet, e.WasSet
	return e
}

// replacement puts another text in the place of a piece of an entry.
type replacement struct {
	start, end int
	text       string
	why        string
}

// edits collects the replacements of each entry.
type edits struct {
	order []*entryEdit
}

type entryEdit struct {
	service      *postconf.Service
	entry        postconf.Entry
	set          bool
	replacements []replacement
	remove       bool
	why          []string
}

// of is the edit of an entry.
func (e *edits) of(service *postconf.Service, entry postconf.Entry, set bool) *entryEdit {
	for _, known := range e.order {
		if known.service == service && known.entry.Name == entry.Name && known.entry.Place == entry.Place {
			return known
		}
	}
	one := &entryEdit{service: service, entry: entry, set: set}
	e.order = append(e.order, one)
	return one
}

func (e *edits) replace(r *reference, start, end int, text, why string) {
	one := e.of(r.service, r.entry, true)
	one.replacements = append(one.replacements, replacement{start, end, text, why})
}

// text is the entry with its replacements.
func (e *entryEdit) text() string {
	sorted := slices.Clone(e.replacements)
	slices.SortStableFunc(sorted, func(a, b replacement) int { return cmp.Compare(b.start, a.start) })
	text := e.entry.Raw
	for _, r := range sorted {
		text = text[:r.start] + r.text + text[r.end:]
	}
	return strings.TrimSpace(text)
}

// list are the edits that change something, main.cf first.
func (e *edits) list() []Edit {
	var all []Edit
	for _, one := range e.order {
		edit := Edit{Name: one.entry.Name, Place: one.entry.Place, WasSet: one.set, Old: one.entry.Raw,
			IsSet: !one.remove, New: one.text(), Why: one.why}
		if one.remove {
			edit.New = ""
		}
		for _, r := range one.replacements {
			if r.why != "" && !slices.Contains(edit.Why, r.why) {
				edit.Why = append(edit.Why, r.why)
			}
		}
		if one.service != nil {
			edit.Service, edit.service = one.service.ID(), one.service
		}
		if edit.Changed() {
			all = append(all, edit)
		}
	}
	slices.SortStableFunc(all, func(a, b Edit) int {
		switch {
		case a.Service == "" && b.Service != "":
			return -1
		case a.Service != "" && b.Service == "":
			return 1
		}
		return 0
	})
	return all
}
