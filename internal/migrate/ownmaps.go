package migrate

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"postern/internal/maps"
	"postern/internal/postconf"
	"postern/srsd"
)

// ownMap is one entry of maps: in postern.yaml.
type ownMap struct {
	name   string
	cf     string
	of     []string
	search postconf.Search
}

// ownMaps are the maps that are not built in.
type ownMaps struct {
	all []ownMap
}

// own is the map that serves a .cf file.
func (o *ownMaps) own(cf string, search postconf.Search) string {
	for _, m := range o.all {
		if m.cf == cf && m.search == search {
			return m.name
		}
	}
	base := strings.TrimSuffix(filepath.Base(cf), ".cf")
	for _, prefix := range []string{"mysql-", "mysql_"} {
		base = strings.TrimPrefix(base, prefix)
	}
	return o.add(ownMap{name: base, cf: cf, search: search})
}

// list is the map that serves a list of maps.
func (o *ownMaps) list(parameter string, members []string, search postconf.Search) string {
	switch {
	case len(members) == 1:
		return members[0]
	case slices.Equal(members, []string{maps.VirtualHandles, maps.VirtualAliases}):
		return maps.Virtual
	case slices.Equal(members, []string{maps.AllowlistHandles, maps.AllowlistAliases}):
		return maps.Allowlist
	}
	for _, m := range o.all {
		if slices.Equal(m.of, members) && m.search == search {
			return m.name
		}
	}
	name := strings.ReplaceAll(strings.TrimSuffix(parameter, "_maps"), "_", "-")
	return o.add(ownMap{name: name, of: members, search: search})
}

// add takes a map in under a name that is free.
func (o *ownMaps) add(m ownMap) string {
	m.name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(": \t{},#'\"", r) {
			return '-'
		}
		return r
	}, m.name)
	name := m.name
	for n := 2; o.taken(m.name); n++ {
		m.name = fmt.Sprintf("%s-%s", name, m.search)
		if n > 2 {
			m.name += fmt.Sprint(n)
		}
	}
	o.all = append(o.all, m)
	return m.name
}

func (o *ownMaps) taken(name string) bool {
	return maps.IsBuiltIn(name) || srsd.IsMap(name) ||
		slices.ContainsFunc(o.all, func(m ownMap) bool { return m.name == name })
}
