package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jmoiron/sqlx"

	"postern/internal/lookup"
)

// SwitchRow is a row that its column active turns on and off.
type SwitchRow struct {
	Table    string `json:"table"`              // alias, alias_handle, smtp_users or smtp_sender_acl
	ID       uint64 `json:"id"`                 // of the row
	Key      string `json:"key"`                // address, handle, username or login, as it stands there
	Value    string `json:"value,omitempty"`    // goto, address, nothing, or sender
	Modified string `json:"modified,omitempty"` // alias: when it was changed last, as the database counts; "": not known
	Active   bool   `json:"active"`
}

// SwitchKey names rows: every row of Table whose key folds to that of Key
// (lookup.Fold).
type SwitchKey struct{ Table, Key string }

// KeptRow is a row that was not switched, and why.
type KeptRow struct {
	SwitchRow
	Why string `json:"why"`
}

// KeptActive is the Why of a row that is on already.
const KeptActive = "it is active already"

// switchColumns are the key and the value of each table.
var switchColumns = map[string][2]string{
	"alias":           {"address", "`goto`"},
	"alias_handle":    {"handle", "coalesce(address, '')"},
	"smtp_users":      {"username", "''"},
	"smtp_sender_acl": {"login", "sender"},
}

// SwitchRows reads the rows of a key, active or not, where the daemons read.
func (s *Store) SwitchRows(ctx context.Context, key SwitchKey) ([]SwitchRow, error) {
	rows, err := Read(ctx, s.Prepare(s.switchSelect(key.Table)+s.switchKeyed(key.Table)), func(r *sqlx.Rows) ([]switchRow, error) {
		var all []switchRow
		for r.Next() {
			var row switchRow
			if err := r.StructScan(&row); err != nil {
				return nil, s.Error(err)
			}
			all = append(all, row)
		}
		return all, nil
	}, key.Key)
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", key.Table, err)
	}
	return switchRows(key, rows), nil
}

// SwitchOff turns off every row of the keys that is on, in one transaction, and
// returns those as they are now. It lets an Edit that is under way end first,
// for two seconds: what must stop does not wait for longer.
func (s *Store) SwitchOff(ctx context.Context, keys ...SwitchKey) (off []SwitchRow, err error) {
	err = s.change(ctx, writerTurn{name: editLock}, func(ctx context.Context, tx *sqlx.Tx) error {
		off = nil
		for _, key := range keys {
			rows, err := s.editLocked(ctx, tx, key)
			if err != nil {
				return err
			}
			for _, row := range slices.DeleteFunc(rows, func(r SwitchRow) bool { return !r.Active }) {
				now, err := s.switchTo(ctx, tx, row, false)
				if err != nil {
					return err
				}
				off = append(off, now)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("switch off: %w", err)
	}
	return off, nil
}

// SwitchOn turns rows on again that SwitchOff returned, in one transaction. A
// row that somebody changed since is kept as it is, and one that against has
// something against, which is asked before the row is on and after those
// before it are; nil: it has not. It takes turns with Edit.
func (s *Store) SwitchOn(ctx context.Context, rows []SwitchRow, against func(context.Context, *Edit, SwitchRow) (why string, err error)) (on []SwitchRow, kept []KeptRow, err error) {
	err = s.change(ctx, writerTurn{editLock, aloneWait}, func(ctx context.Context, tx *sqlx.Tx) error {
		on, kept = nil, nil
		for _, row := range rows {
			found, err := s.switchByID(ctx, tx, row)
			if err != nil {
				return err
			}
			why := changedSince(row, found)
			if why == "" && against != nil {
				if why, err = s.against(ctx, tx, row, against); err != nil {
					return err
				}
			}
			if why != "" {
				kept = append(kept, KeptRow{row, why})
				continue
			}
			now, err := s.switchTo(ctx, tx, row, true)
			if err != nil {
				return err
			}
			on = append(on, now)
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("switch on: %w", err)
	}
	return on, kept, nil
}

// against asks about a row, as the transaction sees the tables.
func (s *Store) against(ctx context.Context, tx *sqlx.Tx, row SwitchRow, ask func(context.Context, *Edit, SwitchRow) (string, error)) (string, error) {
	e := &Edit{store: s, tx: tx}
	why, err := ask(ctx, e, row)
	return why, cmp.Or(e.trouble, err)
}

// changedSince tells what somebody did to a row that was left inactive.
func changedSince(left SwitchRow, found []SwitchRow) string {
	if len(found) == 0 {
		return "the row is gone"
	}
	switch is := found[0]; {
	case is.Key != left.Key:
		return fmt.Sprintf("it belongs to %.200q now", is.Key)
	case is.Value != left.Value:
		return fmt.Sprintf("it leads to %.200q now, and led to %.200q", is.Value, left.Value)
	case is.Active:
		return KeptActive
	case left.Modified != "" && is.Modified != left.Modified:
		return "it was changed since"
	}
	return ""
}

// switchRow is a row as the drivers deliver it.
type switchRow struct {
	ID       uint64 `db:"id"`
	Key      string `db:"k"`
	Value    string `db:"v"`
	Active   int64  `db:"active"`
	Modified string `db:"m"`
}

// switchSelect reads a table; modified does not depend on the session's zone.
func (s *Store) switchSelect(table string) string {
	modified := "''"
	switch {
	case table != "alias":
	case s.Driver() == "sqlite":
		modified = "coalesce(modified, '')"
	default:
		modified = "coalesce(unix_timestamp(modified), '')"
	}
	c := switchColumns[table]
	return fmt.Sprintf("SELECT id, %s AS k, %s AS v, CASE WHEN active = 1 THEN 1 ELSE 0 END AS active, %s AS m FROM %s", c[0], c[1], modified, table)
}

// switchKeyed finds the rows of a key by its index.
func (s *Store) switchKeyed(table string) string {
	key := switchColumns[table][0]
	if s.Driver() == "sqlite" { // NOCASE folds ASCII only
		return fmt.Sprintf(" WHERE %s = ? OR %s GLOB '*[^ -~]*'", key, key)
	}
	return fmt.Sprintf(" WHERE %s = ?", key)
}

// locked ends a SELECT of a transaction that changes what it read.
func (s *Store) locked() string {
	if s.Driver() == "sqlite" {
		return ""
	}
	return " FOR UPDATE"
}

func (s *Store) editLocked(ctx context.Context, tx *sqlx.Tx, key SwitchKey) ([]SwitchRow, error) {
	var rows []switchRow
	err := tx.SelectContext(ctx, &rows, s.switchSelect(key.Table)+s.switchKeyed(key.Table)+s.locked(), key.Key)
	return switchRows(key, rows), err
}

func (s *Store) switchByID(ctx context.Context, tx *sqlx.Tx, row SwitchRow) ([]SwitchRow, error) {
	if _, known := switchColumns[row.Table]; !known {
		return nil, nil // of a state file of another make: nothing that can be switched
	}
	var rows []switchRow
	err := tx.SelectContext(ctx, &rows, s.switchSelect(row.Table)+" WHERE id = ?"+s.locked(), row.ID)
	all := make([]SwitchRow, 0, 1)
	for _, r := range rows {
		all = append(all, r.of(row.Table))
	}
	return all, err
}

// switchTo writes active and returns the row as it is then.
func (s *Store) switchTo(ctx context.Context, tx *sqlx.Tx, row SwitchRow, active bool) (SwitchRow, error) {
	value := 0
	if active {
		value = 1
	}
	if _, err := tx.ExecContext(ctx, "UPDATE "+row.Table+" SET active = ? WHERE id = ?", value, row.ID); err != nil {
		return SwitchRow{}, err
	}
	now, err := s.switchByID(ctx, tx, row)
	if err != nil {
		return SwitchRow{}, err
	}
	if len(now) == 0 || now[0].Active != active {
		return SwitchRow{}, refusal{fmt.Errorf("table %s: row %d does not take the change: does a trigger stand in the way?", row.Table, row.ID)}
	}
	return now[0], nil
}

// switchRows are those that mean the key: a collation may hold others for the
// same (josé and jose).
func switchRows(key SwitchKey, rows []switchRow) []SwitchRow {
	var all []SwitchRow
	for _, r := range rows {
		if lookup.Fold(r.Key) == lookup.Fold(key.Key) {
			all = append(all, r.of(key.Table))
		}
	}
	slices.SortFunc(all, func(a, b SwitchRow) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

func (r switchRow) of(table string) SwitchRow {
	return SwitchRow{Table: table, ID: r.ID, Key: r.Key, Value: r.Value, Active: r.Active == 1, Modified: r.Modified}
}
