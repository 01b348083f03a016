package admin

import (
	"context"
	"slices"
	"strings"

	"postern/internal/lookup"
	"postern/internal/store"
)

// AddHandle makes a name lead to targets, at every hosted domain.
func (d *Desk) AddHandle(ctx context.Context, name string, targets []string, w Ways) (Done, error) {
	key, err := d.parseHandle(name)
	if err != nil {
		return Done{}, err
	}
	list, err := parseTargets(targets)
	if err != nil {
		return Done{}, err
	}
	value, err := joined(list, true)
	if err != nil {
		return Done{}, err
	}
	row := store.Entry{Key: key, Value: value, Active: true}
	return d.write(ctx, store.Handles, row, list, w, func(ctx context.Context, e *store.Edit, done *Done) error {
		if err := d.checkName(ctx, e, key); err != nil {
			return err
		}
		return d.checkShadow(ctx, e, key, done, w.Shadow)
	})
}

// parseHandle reads the part before the @.
func (d *Desk) parseHandle(name string) (string, error) {
	err := checkLocal(name)
	switch {
	case strings.Contains(name, "@"):
		err = errNotHandle
	case err == nil && strings.ContainsAny(name, "%!"):
		err = errRoute
	}
	if err != nil {
		return "", invalid("handle", name, err)
	}
	return lookup.Fold(name), nil
}

// checkName refuses what a handle may not be called.
func (d *Desk) checkName(ctx context.Context, e *store.Edit, key string) error {
	if slices.Contains(d.options.Reserved, key) && !slices.Contains(d.options.Allowed, key) {
		return refuse("handle %s is reserved: who holds %s@ of a domain can have certificates issued for it, so only an alias of the whole address answers: 'postern alias add %s@DOMAIN …' (reserved_handles)", key, key, key)
	}
	state, err := domainState(ctx, e, key)
	if err == nil && state != "" {
		err = refuse("handle %s has the name of a domain in the table: a handle is the part before the @", key)
	}
	return err
}

// checkShadow finds the aliases that the handle would answer in place of.
func (d *Desk) checkShadow(ctx context.Context, e *store.Edit, key string, done *Done, meant bool) error {
	var shadowed sample
	err := e.Each(ctx, store.Aliases, key+"@", "", func(row store.Entry) {
		if local, _ := cut(lookup.Fold(row.Key)); local == key && row.Active {
			shadowed.add(row.Key)
		}
	})
	switch {
	case err != nil || shadowed.all == 0:
		return err
	case !meant:
		return refuse("handle %s would answer in place of %s: %s: a handle comes before aliases of its name, at every domain; --shadow adds it all the same", key, count(shadowed.all, "alias", "aliases"), &shadowed)
	}
	done.note("it answers in place of %s: %s", count(shadowed.all, "alias", "aliases"), &shadowed)
	return nil
}
