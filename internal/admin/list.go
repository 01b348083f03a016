package admin

import (
	"context"
	"errors"
	"strings"

	"postern/internal/lookup"
	"postern/internal/password"
	"postern/internal/store"
)

// Filter says which rows are listed. Its zero value means all.
type Filter struct {
	Domain   string            // at this domain; a domain itself, or below it
	Match    func(string) bool // the key or the value; nil: all
	Inactive bool              // disabled rows only
	Limit    int               // rows at most; 0: no limit
}

var errEnough = errors.New("enough")

// List hands on the rows of a table, sorted by their keys. Of a user's hash it
// shows the scheme only. More tells that the limit held rows back.
func (d *Desk) List(ctx context.Context, table string, f Filter, each func(store.Entry) error) (more bool, err error) {
	f.Domain = looseDomain(strings.TrimPrefix(f.Domain, "@"))
	n := 0
	err = d.store.Entries(ctx, table, func(row store.Entry) error {
		if table == store.Users {
			row.Value = password.Of(row.Value)
		}
		if !f.passes(table, row) {
			return nil
		}
		if n++; f.Limit > 0 && n > f.Limit {
			return errEnough
		}
		return each(row)
	})
	if err == errEnough {
		return true, nil
	}
	return false, err
}

func (f Filter) passes(table string, row store.Entry) bool {
	return (f.Domain == "" || f.atDomain(table, row)) && !(f.Inactive && row.Active) &&
		(f.Match == nil || f.Match(row.Key) || table != store.Users && f.Match(row.Value))
}

// atDomain tells which domain a row is about.
func (f Filter) atDomain(table string, row store.Entry) bool {
	key := lookup.Fold(row.Key)
	switch table {
	case store.Domains:
		return key == f.Domain || strings.HasSuffix(key, "."+f.Domain)
	case store.Handles:
		return leadsTo(row.Value, at(f.Domain))
	case store.Senders:
		return at(f.Domain)(lookup.Fold(row.Value))
	}
	return at(f.Domain)(key)
}
