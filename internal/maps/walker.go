package maps

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"postern/internal/keysearch"
	"postern/internal/lookup"
)

// Limits of a walk. Postfix has virtual_alias_recursion_limit (1000) and
// virtual_alias_expansion_limit (1000) and defers the whole mail past them.
const (
	maxDepth = 50
	maxSteps = 1000
)

// Walker follows an address through a virtual map, step by step, as cleanup(8)
// would, to the addresses that it leads to in the end.
type Walker struct {
	Step   lookup.Map                                             // one expansion
	Hosted func(ctx context.Context, domain string) (bool, error) // no address stays at a hosted domain

	// Expands reports whether Step may find anything for a folded address; nil:
	// it may for all. It spares asking about what is elsewhere.
	Expands func(ctx context.Context, address string) (bool, error)
}

// Walk is where an address leads.
type Walk struct {
	Final []string // addresses outside the hosted domains, in order, each once
	Loop  []string // the first circle found, or the start of an endless path
	done  map[string]bool
	steps int
}

// Expand follows address to its end.
func (w *Walker) Expand(ctx context.Context, address string) (Walk, error) {
	var walk Walk
	var room [4]string // for the usual path
	err := w.follow(ctx, address, room[:0], &walk)
	return walk, err
}

// Destinations are the addresses where the mail of an address goes in the end.
func (w *Walker) Destinations(ctx context.Context, address string) ([]string, error) {
	walk, err := w.Expand(ctx, address)
	return walk.Final, err
}

// Known reports whether an address is at a hosted domain, and leads somewhere
// there. Nothing is known of addresses elsewhere.
func (w *Walker) Known(ctx context.Context, address string) (hosted, known bool, err error) {
	_, domain, ok := split(lookup.Fold(address))
	if !ok {
		return false, false, nil
	}
	if hosted, err = w.Hosted(ctx, domain); !hosted || err != nil {
		return false, false, err
	}
	walk, err := w.Expand(ctx, address)
	return true, len(walk.Final) > 0, err
}

// follow adds what address leads to; path is how it was reached.
func (w *Walker) follow(ctx context.Context, address string, path []string, walk *Walk) error {
	folded := lookup.Fold(address)
	if i := slices.Index(path, folded); i >= 0 {
		// An address that expands to itself is final to Postfix: a mailbox,
		// or a dead end at a domain without mailboxes.
		if i == len(path)-1 {
			return w.end(ctx, address, folded, walk)
		}
		walk.noteLoop(append(slices.Clone(path[i:]), folded))
		return nil
	}
	if walk.done[folded] {
		return nil
	}
	if walk.steps++; len(path) >= maxDepth || walk.steps > maxSteps {
		walk.noteLoop(append(slices.Clone(path[:min(len(path), 5)]), "..."))
		return nil
	}
	if w.Expands != nil {
		if expands, err := w.Expands(ctx, folded); err != nil {
			return err
		} else if !expands {
			walk.add(address)
			return nil
		}
	}
	value, found, err := w.Step.Lookup(ctx, address)
	if err != nil {
		return err
	}
	if !found {
		return w.end(ctx, address, folded, walk)
	}
	targets, err := targets(address, value)
	if err != nil {
		return fmt.Errorf("alias %.200q: %w", folded, err)
	}
	path = append(path, folded)
	for _, target := range targets {
		if err := w.follow(ctx, target, path, walk); err != nil {
			return err
		}
	}
	if len(path) > 1 { // else nothing follows
		walk.finish(folded)
	}
	return nil
}

// targets are the addresses of a value; @domain stands for the same local part
// there (virtual(5)).
func targets(address, value string) ([]string, error) {
	if strings.HasPrefix(value, "@") && !strings.ContainsAny(value, ", \t\r\n") {
		return []string{address[:max(strings.LastIndexByte(address, '@'), 0)] + value}, nil
	}
	return keysearch.ParseAddresses(value)
}

// finish remembers an address whose targets are all in the walk.
func (k *Walk) finish(folded string) {
	if k.done == nil {
		k.done = map[string]bool{}
	}
	k.done[folded] = true
}

// end takes an address that does not expand any more.
func (w *Walker) end(ctx context.Context, address, folded string, walk *Walk) error {
	if _, domain, ok := split(folded); ok {
		if hosted, err := w.Hosted(ctx, domain); hosted || err != nil {
			return err
		}
	}
	walk.add(address)
	return nil
}

// add takes an address that stays as it is.
func (k *Walk) add(address string) {
	if !slices.Contains(k.Final, address) {
		k.Final = append(k.Final, address)
	}
}

func (k *Walk) noteLoop(path []string) {
	if k.Loop == nil {
		k.Loop = path
	}
}

// guard passes on what m finds if it leads somewhere.
func (w *Walker) guard(m lookup.Map) lookup.Map {
	return lookup.Func(func(ctx context.Context, key string) (string, bool, error) {
		value, found, err := m.Lookup(ctx, key)
		if !found || err != nil || w.leaves(ctx, value) {
			return value, found, err
		}
		return w.resolve(ctx, key, value)
	})
}

// leaves is the usual case, told without a walk: one plain address elsewhere.
func (w *Walker) leaves(ctx context.Context, value string) bool {
	if strings.ContainsAny(value, ", \t\r\n\"<(:") {
		return false
	}
	_, domain, ok := split(value)
	if !ok {
		return false
	}
	hosted, err := w.Hosted(ctx, lookup.Fold(domain))
	return err == nil && !hosted
}

// resolve decides by a whole walk. Trouble on the way is no reason to hold
// back what is known: Postfix will ask for the next address itself.
func (w *Walker) resolve(ctx context.Context, key, value string) (string, bool, error) {
	targets, err := targets(key, value)
	if err != nil {
		return value, true, nil
	}
	walk := Walk{}
	path := []string{lookup.Fold(key)}
	for _, target := range targets {
		if err := w.follow(ctx, target, path, &walk); err != nil {
			return value, true, nil
		}
	}
	switch {
	case len(walk.Final) == 0 && walk.Loop != nil:
		return fmt.Sprintf("leads in a circle: %.200s", strings.Join(walk.Loop, " > ")), false, nil
	case len(walk.Final) == 0:
		return "leads nowhere: every target is a hosted address that does not exist", false, nil
	case walk.Loop != nil:
		return strings.Join(walk.Final, ","), true, nil
	}
	return value, true, nil
}
