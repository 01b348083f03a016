package admin

import (
	"context"
	"fmt"

	"postern/internal/keysearch"
	"postern/internal/lookup"
	"postern/internal/store"
)

// RowOf is the row that a command names, whatever it looks like: other
// programs write rows, too. Value is for senders.
func RowOf(table, key, value string) store.Entry {
	if table == store.Domains {
		key = looseDomain(key)
	}
	return store.Entry{Key: lookup.Fold(key), Value: lookup.Fold(value)}
}

// Enable switches a row on, after it was held to the rules of its targets. What
// add would refuse for other rows' sake is noted: the row was meant once.
func (d *Desk) Enable(ctx context.Context, table string, row store.Entry) (Done, error) {
	return d.turn(ctx, table, row, true, func(ctx context.Context, e *store.Edit, same store.Entry, done *Done) error {
		switch table {
		case store.Aliases, store.Handles:
			return d.checkEnabled(ctx, e, table, same, done)
		case store.Domains:
			key := lookup.Fold(same.Key)
			if err := d.checkHostable(key, true); err != nil {
				return err
			}
			return d.checkArrival(ctx, e, key, done, true)
		}
		return nil
	})
}

// checkEnabled holds a row that somebody wrote to what mail needs.
func (d *Desk) checkEnabled(ctx context.Context, e *store.Edit, table string, row store.Entry, done *Done) error {
	targets, err := keysearch.ParseAddresses(row.Value)
	if row.Value == "" || err != nil {
		return refuse("%s leads nowhere, its target is %s: --replace of 'postern %s add' gives it one", subject(table, row), shown(row.Value), noun(table))
	}
	if row.Value[0] == '@' {
		targets = []string{row.Value}
	}
	for _, target := range targets {
		if _, domain := cut(target); domain == "" || domain == target {
			return refuse("%s leads to %s, which is no address", subject(table, row), shown(target))
		}
	}
	key := lookup.Fold(row.Key)
	if err := d.checkEnabledKey(ctx, e, table, key, done); err != nil {
		return err
	}
	return d.checkRoute(ctx, e, draft{table, key, row.Value}, targets, true)
}

// checkEnabledKey looks at what else answers for the key of a row.
func (d *Desk) checkEnabledKey(ctx context.Context, e *store.Edit, table, key string, done *Done) error {
	if table == store.Aliases {
		return d.checkPlace(ctx, e, key, done, true)
	}
	if err := d.checkName(ctx, e, key); err != nil {
		return err
	}
	return d.checkShadow(ctx, e, key, done, true)
}

// Disable switches a row off, and keeps it.
func (d *Desk) Disable(ctx context.Context, table string, row store.Entry) (Done, error) {
	return d.turn(ctx, table, row, false, func(ctx context.Context, e *store.Edit, same store.Entry, done *Done) error {
		if table == store.Users {
			done.note("a session that is logged in goes on until it ends: 'postern incident %s' stops that too", shown(same.Key))
		}
		return d.noteLost(ctx, e, table, same, done)
	})
}

// turn switches the rows that are the same as row.
func (d *Desk) turn(ctx context.Context, table string, row store.Entry, on bool, check func(context.Context, *store.Edit, store.Entry, *Done) error) (done Done, err error) {
	state := map[bool]string{true: "enabled", false: "disabled"}[on]
	err = d.store.Edit(ctx, func(ctx context.Context, e *store.Edit) error {
		done = Done{Action: state, Table: table, Rows: held(table, row)}
		same, err := present(ctx, e, table, row)
		if err != nil {
			return err
		}
		if same[0].Active == on {
			return refuse("%s is %s already (#%d)", subject(table, same[0]), state, same[0].ID)
		}
		if err := check(ctx, e, same[0], &done); err != nil {
			return err
		}
		done.ID, done.Text = same[0].ID, fmt.Sprintf("%s %s (#%d)", state, subject(table, same[0]), same[0].ID)
		for _, r := range same {
			if err := e.SetActive(ctx, table, r.ID, on); err != nil {
				return err
			}
		}
		return nil
	})
	return done, err
}

// Remove removes an alias, a handle or a sender.
func (d *Desk) Remove(ctx context.Context, table string, row store.Entry) (done Done, err error) {
	err = d.store.Edit(ctx, func(ctx context.Context, e *store.Edit) error {
		done = Done{Action: "removed", Table: table, Rows: held(table, row)}
		same, err := present(ctx, e, table, row)
		if err != nil {
			return err
		}
		done.ID, done.Text = same[0].ID, fmt.Sprintf("removed %s (#%d)", subject(table, same[0]), same[0].ID)
		if table != store.Senders {
			done.Text = fmt.Sprintf("removed %s, which led to %s (#%d)", subject(table, same[0]), shown(same[0].Value), same[0].ID)
		}
		if err := d.noteLost(ctx, e, table, same[0], &done); err != nil {
			return err
		}
		return e.Delete(ctx, table, ids(same)...)
	})
	return done, err
}

// noteLost names what relied on an alias that goes.
func (d *Desk) noteLost(ctx context.Context, e *store.Edit, table string, row store.Entry, done *Done) error {
	if table == store.Domains {
		used, err := usage(ctx, e, lookup.Fold(row.Key))
		if err == nil && used.any() {
			done.note("in use by %s: mail to it is refused from now on", used)
		}
		return err
	}
	key := lookup.Fold(row.Key)
	if table != store.Aliases || key == "" || key[0] == '@' {
		return nil
	}
	var leading, senders sample
	for _, other := range []string{store.Aliases, store.Handles} {
		err := e.EachContaining(ctx, other, key, func(r store.Entry) {
			if r.Active && leadsTo(r.Value, func(address string) bool { return address == key }) {
				leading.add(r.Key)
			}
		})
		if err != nil {
			return err
		}
	}
	err := e.EachValue(ctx, store.Senders, key, "", func(r store.Entry) {
		if r.Active && lookup.Fold(r.Value) == key {
			senders.add(r.Key)
		}
	})
	if leading.all > 0 {
		done.note("%s to it: %s", count(leading.all, "row leads", "rows lead"), &leading)
	}
	if senders.all > 0 {
		done.note("logins may send as it, and bounces to it have nowhere to go now unless a catch-all answers: %s", &senders)
	}
	return err
}
