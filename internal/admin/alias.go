package admin

import (
	"context"
	"fmt"
	"slices"

	"postern/internal/lookup"
	"postern/internal/store"
)

// AddAlias makes an address, or @domain for all of a domain, lead to targets.
func (d *Desk) AddAlias(ctx context.Context, address string, targets []string, w Ways) (Done, error) {
	key, err := parseOwn(address)
	if err != nil {
		return Done{}, invalid("address", address, err)
	}
	list, err := parseTargets(targets)
	if err != nil {
		return Done{}, err
	}
	value, err := joined(list, false)
	if err != nil {
		return Done{}, err
	}
	row := store.Entry{Key: key, Value: value, Active: true}
	return d.write(ctx, store.Aliases, row, list, w, func(ctx context.Context, e *store.Edit, done *Done) error {
		if err := d.checkPlace(ctx, e, key, done, w.Force); err != nil {
			return err
		}
		if key[0] == '@' {
			done.note("it takes every address at %s that has no row of its own, misspelled ones and guesses of spammers included", key[1:])
		}
		return nil
	})
}

// write adds a row that leads somewhere, or with Replace gives the one that
// exists another value.
func (d *Desk) write(ctx context.Context, table string, row store.Entry, targets []string, w Ways, check func(context.Context, *store.Edit, *Done) error) (done Done, err error) {
	err = d.store.Edit(ctx, func(ctx context.Context, e *store.Edit) error {
		done = Done{Action: "added", Table: table, Rows: held(table, row)}
		var old []store.Entry
		if w.Replace {
			if old, err = existing(ctx, e, table, row); err != nil {
				return asRefusal(err)
			}
		}
		if len(old) == 0 {
			if err := vacant(ctx, e, table, row); err != nil {
				return err
			}
		}
		if err := check(ctx, e, &done); err != nil {
			return err
		}
		if err := d.checkRoute(ctx, e, draft{table, row.Key, row.Value}, targets, w.Force); err != nil {
			return err
		}
		if len(old) > 0 {
			return rewrite(ctx, e, &done, old, row)
		}
		added, err := e.Insert(ctx, table, row)
		done.ID = added.ID
		done.Text = fmt.Sprintf("added %s, which leads to %s (#%d)", subject(table, added), shown(added.Value), added.ID)
		return err
	})
	return done, err
}

// asRefusal is for a row that only the database takes for another.
func asRefusal(err error) error {
	if alike, ok := err.(*alikeError); ok {
		return refuse("%s", alike)
	}
	return err
}

// rewrite gives rows a new value.
func rewrite(ctx context.Context, e *store.Edit, done *Done, old []store.Entry, row store.Entry) error {
	for _, o := range old {
		if err := e.SetValue(ctx, done.Table, o.ID, row.Value); err != nil {
			return err
		}
	}
	done.Action, done.ID = "changed", old[0].ID
	done.Text = fmt.Sprintf("changed %s, which leads to %s now and led to %s (#%d)", subject(done.Table, old[0]), shown(row.Value), shown(old[0].Value), old[0].ID)
	if !old[0].Active {
		done.note("it is disabled: 'postern %s enable %s' switches it on", noun(done.Table), arguments(done.Table, old[0]))
	}
	return nil
}

// checkPlace makes sure that an alias will be asked: its domain is hosted, and
// no handle answers before it.
func (d *Desk) checkPlace(ctx context.Context, e *store.Edit, key string, done *Done, force bool) error {
	local, domain := cut(key)
	state, err := domainState(ctx, e, domain)
	if err != nil {
		return err
	}
	switch {
	case domain == d.options.SRSDomain:
		return refuse("alias %s: %s is the domain of SRS addresses and holds no others", key, domain)
	case state == "" && !force:
		return refuse("alias %s: domain %s is not hosted here: 'postern domain add %s' first, or --force", key, domain, domain)
	case state != "1":
		done.note("domain %s is not hosted while it has no active row: nothing answers for %s yet", domain, key)
	}
	if local == "" || slices.Contains(d.options.Reserved, local) && !slices.Contains(d.options.Allowed, local) {
		return nil
	}
	handle, err := e.Values(ctx, store.Handles, lookup.Fold(local))
	if err != nil || len(handle) == 0 {
		return err
	}
	if !force {
		return refuse("alias %s would never be asked: handle %s answers before aliases, and leads to %s: --force adds it all the same", key, local, shown(handle[0]))
	}
	done.note("handle %s answers before it, and leads to %s", local, shown(handle[0]))
	return nil
}
