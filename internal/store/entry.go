package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"

	"postern/internal/lookup"
)

// The tables that administrators write, besides api_bans.
const (
	Domains = "domain"
	Aliases = "alias"
	Handles = "alias_handle"
	Senders = "smtp_sender_acl"
	Users   = "smtp_users"
)

// Entry is one row of such a table.
type Entry struct {
	ID     uint64
	Key    string // domain, address of an alias, handle, login of a sender, user
	Value  string // goto, address of a handle, sender, password hash; a domain has none
	Active bool
}

// Same reports whether two rows are about the same: their keys are equal for the
// daemons, and where one key may have several rows (Senders) the values as well.
func (t Entry) Same(table string, other Entry) bool {
	return lookup.Fold(t.Key) == lookup.Fold(other.Key) && (table != Senders || lookup.Fold(t.Value) == lookup.Fold(other.Value))
}

// entryTable is where an Entry's parts stand.
type entryTable struct {
	name, key, value string // value: empty for none
	pair             bool   // key and value together are unique
}

func entryTableOf(name string) entryTable {
	switch name {
	case Domains:
		return entryTable{name: name, key: "name"}
	case Aliases:
		return entryTable{name: name, key: "address", value: "`goto`"}
	case Handles:
		return entryTable{name: name, key: "handle", value: "address"}
	case Senders:
		return entryTable{name: name, key: "login", value: "sender", pair: true}
	case Users:
		return entryTable{name: name, key: "username", value: "password"}
	}
	panic("store: " + name + " is no table of entries") // a slip in the program
}

// columns are what entryRow scans.
func (t entryTable) columns() string {
	value := t.value
	if value == "" {
		value = "''"
	}
	return "id, " + t.key + " AS k, " + value + " AS v, CASE WHEN active = 1 THEN 1 ELSE 0 END AS active"
}

// entryRow is a row as the drivers deliver it.
type entryRow struct {
	ID     uint64         `db:"id"`
	Key    string         `db:"k"`
	Value  sql.NullString `db:"v"`
	Active int            `db:"active"`
}

func (r entryRow) entry() Entry { return Entry{r.ID, r.Key, r.Value.String, r.Active == 1} }

// scanEntries hands rows on, one after the other.
func scanEntries(rows *sqlx.Rows, each func(Entry) error) error {
	for rows.Next() {
		var row entryRow
		if err := rows.StructScan(&row); err != nil {
			return err
		}
		if err := each(row.entry()); err != nil {
			return err
		}
	}
	return rows.Err()
}

// entryPage is how many rows one question of Entries reads, so that a long
// list keeps to the time of a statement and needs little memory.
const entryPage = 10_000

// Entries hands on every row of a table, sorted by key (and by value where a key
// has several), and ends with the first error of each. It reads where the
// daemons read, from the first host that answers.
func (s *Store) Entries(ctx context.Context, table string, each func(Entry) error) error {
	return s.entries(ctx, table, entryPage, each)
}

func (s *Store) entries(ctx context.Context, table string, size int, each func(Entry) error) error {
	t := entryTableOf(table)
	order, after := t.key, t.key+" > ?"
	if t.pair {
		order, after = t.key+", "+t.value, fmt.Sprintf("(%s > ? OR %s = ? AND %s > ?)", t.key, t.key, t.value)
	}
	query := "SELECT " + t.columns() + " FROM " + t.name
	rest := fmt.Sprintf(" ORDER BY %s LIMIT %d", order, size)
	st, args := s.Prepare(query+rest), []any(nil)
	for {
		page, err := Read(ctx, st, s.readEntries, args...)
		if err != nil {
			return fmt.Errorf("list: %w", err)
		}
		for _, e := range page {
			if err := each(e); err != nil {
				return err
			}
		}
		if len(page) < size {
			return nil
		}
		last := page[len(page)-1]
		st, args = s.Prepare(query+" WHERE "+after+rest), []any{last.Key}
		if t.pair {
			args = []any{last.Key, last.Key, last.Value}
		}
	}
}

func (s *Store) readEntries(rows *sqlx.Rows) (page []Entry, err error) {
	err = scanEntries(rows, func(e Entry) error {
		page = append(page, e)
		return nil
	})
	return page, s.Error(err)
}

// likeLiteral makes text mean itself in a LIKE pattern with ESCAPE '!'.
func likeLiteral(text string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(text)
}
