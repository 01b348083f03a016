package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/net/publicsuffix"

	"postern/internal/lookup"
	"postern/internal/store"
)

// AddDomain hosts a domain.
func (d *Desk) AddDomain(ctx context.Context, name string, w Ways) (done Done, err error) {
	key, err := parseDomain(name)
	if err != nil {
		return Done{}, invalid("domain", name, err)
	}
	if err := d.checkHostable(key, w.Force); err != nil {
		return Done{}, err
	}
	row := store.Entry{Key: key, Active: true}
	err = d.store.Edit(ctx, func(ctx context.Context, e *store.Edit) error {
		done = Done{Action: "added", Table: store.Domains, Rows: held(store.Domains, row)}
		if err := vacant(ctx, e, store.Domains, row); err != nil {
			return err
		}
		if err := d.checkArrival(ctx, e, key, &done, w.Force); err != nil {
			return err
		}
		added, err := e.Insert(ctx, store.Domains, row)
		done.ID, done.Text = added.ID, fmt.Sprintf("added domain %s (#%d)", key, added.ID)
		return err
	})
	return done, err
}

// checkHostable refuses the names that have another part to play.
func (d *Desk) checkHostable(key string, force bool) error {
	suffix, registry := publicsuffix.PublicSuffix(key)
	switch {
	case key == d.options.SRSDomain:
		return refuse("domain %s is the domain of SRS addresses (srsd.domain), which holds no aliases: bounces to it would find none", key)
	case key == d.options.Hostname:
		return refuse("domain %s is the name of this host (myhostname), for which the operator answers: host a domain of its own", key)
	case suffix == key && registry && !force:
		return refuse("domain %s is no one's: everybody can register below it (publicsuffix.org): --force hosts it all the same", key)
	}
	return nil
}

// checkArrival looks at what changes for rows that exist when a domain becomes
// hosted: what leads there now leaves no more.
func (d *Desk) checkArrival(ctx context.Context, e *store.Edit, key string, done *Done, force bool) error {
	stranded, err := d.stranded(ctx, e, key)
	if err != nil {
		return err
	}
	if stranded.all > 0 && !force {
		return refuse("domain %s: %s to addresses there, which nothing here answers: %s: their mail would go out no more: change them first, or --force and add the addresses", key, count(stranded.all, "alias or handle leads", "aliases and handles lead"), stranded)
	}
	if stranded.all > 0 {
		done.note("%s to addresses there, which nothing here answers: %s", count(stranded.all, "alias or handle leads", "aliases and handles lead"), stranded)
	}
	for parent := key; ; {
		_, rest, more := strings.Cut(parent, ".")
		if !more {
			break
		}
		parent = rest
		state, err := domainState(ctx, e, parent)
		if err != nil {
			return err
		}
		if state == "1" {
			done.note("it lies below %s, which is hosted too: aliases there do not answer here, and here is nothing that they do", parent)
			break
		}
	}
	handle, err := e.Values(ctx, store.Handles, key)
	if err == nil && len(handle) > 0 {
		done.note("a handle is called %s, too: it answers %s@ and has nothing to do with the domain", key, key)
	}
	return err
}

// stranded are the active rows that lead to addresses of a domain which no row
// answers once it is hosted.
func (d *Desk) stranded(ctx context.Context, e *store.Edit, key string) (*sample, error) {
	var rows []store.Entry
	for _, table := range []string{store.Aliases, store.Handles} {
		err := e.EachContaining(ctx, table, "@"+key, func(row store.Entry) {
			if row.Active && leadsTo(row.Value, at(key)) && len(rows) < maxStranded {
				rows = append(rows, row)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	found := &sample{}
	walker := d.walker(e, draft{store.Domains, key, "1"})
	for _, row := range rows {
		var trouble error
		lost := leadsTo(row.Value, func(address string) bool {
			if !at(key)(address) || address[0] == '@' {
				return false
			}
			walk, err := walker.Expand(ctx, address)
			trouble = errors.Join(trouble, err)
			return err == nil && len(walk.Final) == 0
		})
		if trouble != nil {
			return nil, trouble
		}
		if lost {
			found.add(row.Key)
		}
	}
	return found, nil
}

// maxStranded bounds how many rows are followed; more are not counted.
const maxStranded = 1000

// at tells addresses of a domain.
func at(domain string) func(string) bool {
	return func(address string) bool { return strings.HasSuffix(address, "@"+domain) }
}

// RemoveDomain removes a domain, and with Cascade what is at it.
func (d *Desk) RemoveDomain(ctx context.Context, name string, w Ways) (done Done, err error) {
	row := store.Entry{Key: looseDomain(name)}
	err = d.store.Edit(ctx, func(ctx context.Context, e *store.Edit) error {
		done = Done{Action: "removed", Table: store.Domains, Rows: held(store.Domains, row)}
		same, err := present(ctx, e, store.Domains, row)
		if err != nil {
			return err
		}
		used, err := usage(ctx, e, lookup.Fold(row.Key))
		if err != nil {
			return err
		}
		if used.any() && !w.Cascade {
			return refuse("domain %s is in use by %s: 'postern domain disable %s' stops its mail and keeps them, --cascade removes the domain with its aliases and senders", shown(row.Key), used, shown(row.Key))
		}
		if err := used.remove(ctx, e, &done); err != nil {
			return err
		}
		done.ID, done.Text = same[0].ID, fmt.Sprintf("removed domain %s (#%d)%s", shown(same[0].Key), same[0].ID, used.removed())
		return e.Delete(ctx, store.Domains, ids(same)...)
	})
	return done, err
}

// looseDomain is a domain that need not be one: other programs write rows, too.
func looseDomain(input string) string {
	if name, err := parseDomain(input); err == nil {
		return name
	}
	return lookup.Fold(input)
}

func ids(rows []store.Entry) (list []uint64) {
	for _, row := range rows {
		list = append(list, row.ID)
	}
	return list
}

// domainUsage is what depends on a domain.
type domainUsage struct {
	aliases, senders []uint64
	leading          sample // aliases and handles elsewhere that lead to it
}

// usage reads what depends on a domain.
func usage(ctx context.Context, e *store.Edit, domain string) (*domainUsage, error) {
	u := &domainUsage{}
	err := e.Each(ctx, store.Aliases, "", "@"+domain, func(row store.Entry) {
		if at(domain)(lookup.Fold(row.Key)) {
			u.aliases = append(u.aliases, row.ID)
		}
	})
	if err == nil {
		err = e.EachValue(ctx, store.Senders, "", "@"+domain, func(row store.Entry) {
			if at(domain)(lookup.Fold(row.Value)) {
				u.senders = append(u.senders, row.ID)
			}
		})
	}
	for _, table := range []string{store.Aliases, store.Handles} {
		if err != nil {
			break
		}
		err = e.EachContaining(ctx, table, "@"+domain, func(row store.Entry) {
			if !at(domain)(lookup.Fold(row.Key)) && leadsTo(row.Value, at(domain)) {
				u.leading.add(row.Key)
			}
		})
	}
	return u, err
}

func (u *domainUsage) any() bool { return len(u.aliases)+len(u.senders)+u.leading.all > 0 }

// String counts what there is.
func (u *domainUsage) String() string {
	var parts []string
	for _, p := range []struct {
		n         int
		one, many string
	}{
		{len(u.aliases), "alias", "aliases"}, {len(u.senders), "sender", "senders"},
		{u.leading.all, "row elsewhere that leads to it", "rows elsewhere that lead to it"},
	} {
		if p.n > 0 {
			parts = append(parts, count(p.n, p.one, p.many))
		}
	}
	return strings.Join(parts, ", ")
}

// removed says what went with the domain.
func (u *domainUsage) removed() string {
	if len(u.aliases)+len(u.senders) == 0 {
		return ""
	}
	return fmt.Sprintf(", with %s and %s", count(len(u.aliases), "alias", "aliases"), count(len(u.senders), "sender", "senders"))
}

// remove deletes what is at the domain. What leads to it from elsewhere stays,
// and leads out of this host from now on.
func (u *domainUsage) remove(ctx context.Context, e *store.Edit, done *Done) error {
	if u.leading.all > 0 {
		done.note("%s to it, and so out to its MX from now on: %s", count(u.leading.all, "row elsewhere leads", "rows elsewhere lead"), &u.leading)
	}
	if err := e.Delete(ctx, store.Aliases, u.aliases...); err != nil {
		return err
	}
	if len(u.senders) > 0 { // aliases answer no more where the domain is not hosted
		done.Rows = append(done.Rows, Row{Table: store.Senders})
	}
	return e.Delete(ctx, store.Senders, u.senders...)
}
