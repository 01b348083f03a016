package doctor

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"postern/internal/keysearch"
	"postern/internal/lookup"
	builtin "postern/internal/maps"
)

// walker follows addresses through handles and aliases as the map virtual does.
func (r *rowCheck) walker() *builtin.Walker {
	handles := lookup.Func(func(_ context.Context, key string) (string, bool, error) {
		local, domain, _ := strings.Cut(key, "@")
		if !r.domains[domain] || local == "" || r.isReserved(local) {
			return "", false, nil
		}
		value, found := r.handles[local]
		return value, found, nil
	})
	aliases := lookup.Func(func(_ context.Context, key string) (string, bool, error) {
		if !r.domains[domainOf(key)] {
			return "", false, nil
		}
		value, found := r.inner[key]
		if !found {
			value, found = r.wanted[key]
		}
		return value, found, nil
	})
	return &builtin.Walker{
		Step:   keysearch.New(keysearch.Virtual, r.searchOptions(), handles, aliases),
		Hosted: func(_ context.Context, domain string) (bool, error) { return r.ours("@" + domain), nil },
	}
}

func (r *rowCheck) searchOptions() keysearch.Options {
	return keysearch.Options{RecipientDelimiter: r.host.Config.RecipientDelimiter, Propagate: true}
}

// noteTargets keeps an alias that leads to an address of ours, and the keys
// under which that may be found.
func (r *rowCheck) noteTargets(address, target string) {
	inner := false
	for _, to := range targetsOf(address, target) {
		if !r.ours(to) {
			continue
		}
		inner = true
		for _, form := range keysearch.Forms(keysearch.Virtual, r.searchOptions(), to) {
			r.wanted[form.Key] = ""
		}
	}
	if inner {
		r.inner[address] = target
	}
}

// targetsOf are the addresses of a goto; @domain keeps the local part.
func targetsOf(address, target string) []string {
	if strings.HasPrefix(target, "@") && !strings.ContainsAny(target, ", \t\r\n") {
		local, _, _ := strings.Cut(address, "@")
		return []string{local + lookup.Fold(target)}
	}
	list, err := keysearch.ParseAddresses(target)
	if err != nil {
		return nil
	}
	for i := range list {
		list[i] = lookup.Fold(list[i])
	}
	return list
}

// leadsToInactive reports a target at a domain that is switched off.
func (r *rowCheck) leadsToInactive(target string) bool {
	return slices.ContainsFunc(targetsOf("", target), func(to string) bool {
		active, known := r.domains[domainOf(to)]
		return known && !active
	})
}

// anyDomain is a hosted domain, "" if there is none.
func (r *rowCheck) anyDomain() string {
	for _, name := range sortedKeys(r.domains) {
		if r.domains[name] {
			return name
		}
	}
	return ""
}

// domainOf is what stands behind the last @, folded.
func domainOf(address string) string {
	return lookup.Fold(address[strings.LastIndexByte(address, '@')+1:])
}

// shownRows is how many rows a finding names.
const shownRows = 5

// sample is rows of which a few are named.
type sample struct {
	shown []string
	total int
}

func (s *sample) note(row string) {
	if s.total++; len(s.shown) < shownRows {
		s.shown = append(s.shown, row)
	}
}

// report adds a finding about rows, if there are any.
func (f *findings) report(kind, at string, s *sample, fix, effect string) {
	if s.total == 0 {
		return
	}
	list := make([]string, len(s.shown))
	for i, row := range s.shown {
		list[i] = fmt.Sprintf("%.100q", row)
	}
	text := strings.Join(list, ", ")
	if more := s.total - len(s.shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	f.add(kind, at, fix, "%s: %s", effect, text)
}

// sortedKeys are the keys of a map in order.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
