package admin

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"postern/internal/keysearch"
	"postern/internal/lookup"
	"postern/internal/maps"
	"postern/internal/store"
)

// probe is a name that no row has: what a catch-all answers for.
const probe = "noaddressofthisname"

// draft is the row that a transaction is about to write, already there for
// those who follow addresses.
type draft struct{ table, key, value string }

// routes answer as the daemons would after the change.
type routes struct {
	edit  *store.Edit
	draft draft
}

// table is one loaded table, as the transaction sees it and with the draft.
func (r routes) table(name string) lookup.Map {
	return lookup.Func(func(ctx context.Context, key string) (string, bool, error) {
		if name == r.draft.table && key == lookup.Fold(r.draft.key) {
			return r.draft.value, r.draft.value != "", nil
		}
		values, err := r.edit.Values(ctx, name, key)
		if err != nil || len(values) == 0 {
			return "", false, err
		}
		return values[0], true, nil
	})
}

// walker follows addresses over the rows of a transaction and a draft.
func (d *Desk) walker(e *store.Edit, row draft) *maps.Walker {
	r := routes{e, row}
	o := d.options
	return maps.New(maps.Tables{
		Domain: r.table(store.Domains), Alias: r.table(store.Aliases), Handle: r.table(store.Handles),
	}, maps.Options{
		Delimiter: o.Delimiter, Propagate: o.Propagate, Operator: o.Operator,
		Reserved: o.Reserved, Allowed: o.Allowed, MyOrigin: o.MyOrigin,
	}).Walker()
}

// domainState is what table domain says: "1" hosted, "0" disabled, "" not there.
func domainState(ctx context.Context, e *store.Edit, domain string) (string, error) {
	values, err := e.Values(ctx, store.Domains, domain)
	if err != nil || len(values) == 0 {
		return "", err
	}
	return values[0], nil
}

// checkRoute holds the targets of a row to what mail needs: each of them leads
// somewhere, and all of them not in a circle.
func (d *Desk) checkRoute(ctx context.Context, e *store.Edit, row draft, targets []string, force bool) error {
	walker := d.walker(e, row)
	start, err := d.start(ctx, e, row, targets)
	if err != nil {
		return err
	}
	for _, target := range targets {
		if err := d.checkTarget(ctx, e, walker, atDomain(target, start), start, force); err != nil {
			return err
		}
	}
	walk, err := walker.Expand(ctx, start)
	switch {
	case err != nil:
		return err
	case walk.Loop != nil:
		return refuse("%s %s leads in a circle: %s: no mail would arrive", noun(row.table), shown(row.key), circle(walk.Loop))
	case len(walk.Final) > maxTargets:
		return refuse("%s %s leads to %d addresses in the end: Postfix expands %d at most (virtual_alias_expansion_limit)",
			noun(row.table), shown(row.key), len(walk.Final), maxTargets)
	}
	return nil
}

// Circle tells in which circle an alias or a handle would lead if it were on:
// "a@x.test > b@x.test > a@x.test"; empty: in none.
func (d *Desk) Circle(ctx context.Context, e *store.Edit, table string, row store.Entry) (string, error) {
	if table != store.Aliases && table != store.Handles {
		return "", nil
	}
	targets, err := keysearch.ParseAddresses(row.Value)
	if strings.HasPrefix(row.Value, "@") {
		targets, err = []string{row.Value}, nil
	}
	if err != nil || len(targets) == 0 || row.Key == "" {
		return "", nil // it leads nowhere
	}
	written := draft{table, lookup.Fold(row.Key), row.Value}
	start, err := d.start(ctx, e, written, targets)
	if err != nil {
		return "", err
	}
	walk, err := d.walker(e, written).Expand(ctx, start)
	return circle(walk.Loop), err
}

// circle is a path as messages show it.
func circle(path []string) string {
	shorter := slices.Clone(path[:min(len(path), 8)])
	for i := range shorter {
		shorter[i] = shown(strings.Replace(shorter[i], probe, "", 1))
	}
	if len(path) > len(shorter) {
		shorter = append(shorter, "…")
	}
	return strings.Join(shorter, " > ")
}

// start is an address that the row answers. A handle answers at every hosted
// domain; one where a target is closes a circle the soonest.
func (d *Desk) start(ctx context.Context, e *store.Edit, row draft, targets []string) (string, error) {
	if row.table == store.Aliases {
		if row.key[0] == '@' {
			return probe + row.key, nil
		}
		return row.key, nil
	}
	for _, target := range targets {
		_, domain := cut(target)
		state, err := domainState(ctx, e, domain)
		if err != nil {
			return "", err
		}
		if state == "1" {
			return row.key + "@" + lookup.Fold(domain), nil
		}
	}
	return row.key + "@handle.invalid", nil // leads out at once
}

// atDomain is the address that a target stands for, where it names a domain.
func atDomain(target, start string) string {
	if target[0] != '@' {
		return target
	}
	local, _ := cut(start)
	return local + target
}

// checkTarget judges one target for itself.
func (d *Desk) checkTarget(ctx context.Context, e *store.Edit, w *maps.Walker, target, start string, force bool) error {
	local, domain := cut(lookup.Fold(target))
	state, err := domainState(ctx, e, domain)
	if err != nil {
		return err
	}
	name := shown(strings.Replace(target, probe, "", 1))
	switch {
	case lookup.Fold(target) == lookup.Fold(start):
		return refuse("target %s is the address itself: nothing is stored here, so no mail would arrive", name)
	case domain == d.options.SRSDomain:
		return refuse("target %s: %s is the domain of SRS addresses, which bounces come back to: write the address that mail is to reach", name, domain)
	case state == "1":
		return checkHosted(ctx, w, target, name, force)
	case domain == d.options.Hostname && !operated(local):
		return refuse("target %s: %s is this host, where nothing is stored: write the address that mail is to reach", name, domain)
	case state == "0" && !force:
		return refuse("target %s: domain %s is disabled here: 'postern domain enable %s', or --force", name, domain, domain)
	}
	return nil
}

// operated are the names that reach the operator wherever this host answers.
func operated(local string) bool { return local == "postmaster" || local == "abuse" }

// checkHosted judges a target at a hosted domain: another row must answer it,
// and not with the target itself, which Postfix would keep and bounce.
func checkHosted(ctx context.Context, w *maps.Walker, target, name string, force bool) error {
	if force {
		return nil
	}
	value, found, err := w.Step.Lookup(ctx, target)
	if err != nil {
		return err
	}
	if found && leadsTo(value, func(address string) bool { return address == lookup.Fold(target) }) {
		return refuse("target %s is answered with itself, by %s: nothing is stored here, so no mail would arrive", name, shown(value))
	}
	walk, err := w.Expand(ctx, target)
	if err != nil || len(walk.Final) > 0 || walk.Loop != nil {
		return err
	}
	_, domain := cut(target)
	return refuse("target %s leads nowhere: %s is hosted here, and no alias or handle answers it: add that one first, or --force", name, shown(domain))
}

// leadsTo reports whether one of the addresses of a value satisfies is.
func leadsTo(value string, is func(address string) bool) bool {
	addresses, err := keysearch.ParseAddresses(value)
	if err != nil || strings.HasPrefix(value, "@") {
		addresses = []string{value}
	}
	return slices.ContainsFunc(addresses, func(a string) bool { return is(lookup.Fold(a)) })
}

// some names a few rows and says how many more there are.
func some(names []string, all int) string {
	text := strings.Join(names, ", ")
	if more := all - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// count is a number of things: 1 alias, 2 aliases.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// sample counts rows and remembers a few.
type sample struct {
	names []string
	all   int
}

func (s *sample) add(name string) {
	if s.all++; len(s.names) < 5 {
		s.names = append(s.names, shown(name))
	}
}

func (s *sample) String() string { return some(s.names, s.all) }
