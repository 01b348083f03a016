package store

import (
	"context"
	"fmt"

	"github.com/jmoiron/sqlx"
)

// LeadsTo reports whether an alias or a handle, active or not, leads to address
// and to nothing else. Lists of addresses are not looked into: there is no index
// for that. A table that the database does not have has no rows.
func (s *Store) LeadsTo(ctx context.Context, address string) (bool, error) {
	fold := ""
	if s.Driver() == "sqlite" {
		fold = " COLLATE NOCASE"
	}
	for _, query := range []string{
		"SELECT id FROM alias WHERE `goto` = ?" + fold + " LIMIT 1",
		"SELECT id FROM alias_handle WHERE address = ?" + fold + " LIMIT 1",
	} {
		found, err := Read(ctx, s.Prepare(query), func(rows *sqlx.Rows) (bool, error) { return rows.Next(), nil }, address)
		if err != nil && MissingTable(err) {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("who leads to an address: %w", err)
		}
		if found {
			return true, nil
		}
	}
	return false, nil
}
