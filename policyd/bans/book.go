package bans

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gaissmai/bart"

	"postern/internal/maps"
)

// book is all bans of one moment, by kind. It is never changed. Of several
// rows of one target it has the one that lasts longest: while any of them is
// active, that one is.
type book struct {
	generation uint64
	emails     map[address]*entry
	domains    map[string]*entry // that and all below it
	exact      map[string]*entry // that alone: public suffixes
	names      map[string]*entry
	networks   bart.Table[*entry] // each with its outer ones

	sizes    map[Kind]int
	ignored  int
	warnings []warning
}

// address is an address in two halves, so that looking one up joins nothing.
type address struct{ local, domain string }

// entry is a ban.
type entry struct {
	maps.Ban
	kind   Kind
	target string // as it is compared, for the log
	outer  *entry // of a network: the next larger one that is banned
}

// warning is a row that cannot be used as it is. Its text is bounded.
type warning struct{ target, problem string }

// newBook reads the rows of the table.
func newBook(generation uint64, rows func(yield func(key, value string) bool)) *book {
	b := &book{
		generation: generation,
		emails:     map[address]*entry{},
		domains:    map[string]*entry{},
		exact:      map[string]*entry{},
		names:      map[string]*entry{},
		sizes:      map[Kind]int{},
	}
	networks := map[netip.Prefix]*entry{}
	rows(func(key, value string) bool {
		b.row(networks, key, value)
		return true
	})
	b.nest(networks)
	b.sizes = map[Kind]int{
		Email: len(b.emails), Domain: len(b.domains) + len(b.exact), Name: len(b.names), IP: len(networks),
	}
	slices.SortFunc(b.warnings, func(v, w warning) int {
		return cmp.Or(strings.Compare(v.target, w.target), strings.Compare(v.problem, w.problem))
	})
	b.warnings = slices.Compact(b.warnings)
	return b
}

// row takes in one row.
func (b *book) row(networks map[netip.Prefix]*entry, key, value string) {
	ban, err := maps.ParseBan(value)
	if err != nil {
		b.ignore(key, "its expiry cannot be read")
		return
	}
	kind, text, _ := strings.Cut(key, ":")
	t, err := parseTarget(Kind(kind), text)
	if err != nil {
		b.ignore(key, err.Error())
		return
	}
	if t.note != "" {
		b.warn(key, t.note)
	}
	ban.Reason = strings.Clone(ban.Reason) // it is a part of something larger
	e := &entry{Ban: ban, kind: Kind(kind), target: t.text}
	switch e.kind {
	case Email:
		keep(b.emails, t.address, e)
	case Name:
		keep(b.names, t.text, e)
	case IP:
		keep(networks, t.network, e)
	case Domain:
		if t.exact {
			keep(b.exact, t.text, e)
		} else {
			keep(b.domains, t.text, e)
		}
	}
}

// keep puts e in, unless one is there that lasts longer. Of two that last
// equally long the reason decides, so that all hosts give the same.
func keep[K comparable](m map[K]*entry, key K, e *entry) {
	held, there := m[key]
	if !there || e.Outlasts(held.Ban) || e.Expires.Equal(held.Expires) && e.Reason < held.Reason {
		m[key] = e
	}
}

// nest makes the tree of networks. Larger ones go in first, so what is found
// for a network before it goes in is the one around it.
func (b *book) nest(networks map[netip.Prefix]*entry) {
	prefixes := make([]netip.Prefix, 0, len(networks))
	for p := range networks {
		prefixes = append(prefixes, p)
	}
	slices.SortFunc(prefixes, func(p, q netip.Prefix) int { return cmp.Compare(p.Bits(), q.Bits()) })
	for _, p := range prefixes {
		e := networks[p]
		e.outer, _ = b.networks.LookupPrefix(p)
		b.networks.Insert(p, e)
	}
}

func (b *book) ignore(key, problem string) {
	b.ignored++
	b.warn(key, problem)
}

func (b *book) warn(key, problem string) {
	b.warnings = append(b.warnings, warning{strings.Clone(key[:min(len(key), 200)]), problem})
}

// warned reports whether b has the same warning.
func (b *book) warned(w warning) bool {
	_, there := slices.BinarySearchFunc(b.warnings, w, func(v, w warning) int {
		return cmp.Or(strings.Compare(v.target, w.target), strings.Compare(v.problem, w.problem))
	})
	return there
}

// email is the active ban of an address, nil if there is none.
func (b *book) email(a address, now time.Time) *entry { return active(b.emails[a], now) }

// name is the active ban of a local part.
func (b *book) name(local string, now time.Time) *entry { return active(b.names[local], now) }

// domain is the active ban of a domain or of the nearest one above it.
func (b *book) domain(name string, now time.Time) *entry {
	if e := active(b.exact[name], now); e != nil {
		return e
	}
	for len(b.domains) > 0 && name != "" {
		if len(name) <= maxDomain {
			if e := active(b.domains[name], now); e != nil {
				return e
			}
		}
		_, name, _ = strings.Cut(name, ".")
	}
	return nil
}

// ip is the active ban of an address: of the smallest network around it, and
// if that ban is over of the next larger one.
func (b *book) ip(a netip.Addr, now time.Time) *entry {
	for e, _ := b.networks.Lookup(a); e != nil; e = e.outer {
		if e.Active(now) {
			return e
		}
	}
	return nil
}

func active(e *entry, now time.Time) *entry {
	if e == nil || !e.Active(now) {
		return nil
	}
	return e
}

// active counts the bans of a kind that hold at the instant now.
func (b *book) active(now time.Time) map[Kind]int {
	n := map[Kind]int{}
	count := func(e *entry) {
		if e.Active(now) {
			n[e.kind]++
		}
	}
	for _, e := range b.emails {
		count(e)
	}
	for _, m := range []map[string]*entry{b.domains, b.exact, b.names} {
		for _, e := range m {
			count(e)
		}
	}
	for _, e := range b.networks.All() {
		count(e)
	}
	return n
}
