package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"postern/internal/lookup"
)

// editLock names the turn of those who administer the tables, or switch their
// rows (GET_LOCK).
const editLock = "postern.tables"

// Edit is one transaction of an administrator. What it reads is what the
// transaction sees, its own changes included.
type Edit struct {
	store   *Store
	tx      *sqlx.Tx
	trouble error // of the database
}

// Edit runs work in one transaction on the first host that takes writes; it
// may be run twice, when another program was in the way. An error that work
// returns undoes all of it, and is returned as it is unless the database was
// in trouble.
//
// The programs that use Edit come one after the other, so that what one has
// checked still holds when it writes; one whose turn does not come within 10
// seconds gets an error that names the other connection (*OccupiedError).
// Others that write the tables do not wait: against them stand the unique keys
// of the schema, and nothing else.
func (s *Store) Edit(ctx context.Context, work func(context.Context, *Edit) error) error {
	var refused error
	err := s.change(ctx, writerTurn{editLock, aloneWait}, func(ctx context.Context, tx *sqlx.Tx) error {
		e := &Edit{store: s, tx: tx}
		err := work(ctx, e)
		if refused = nil; err != nil && e.trouble == nil {
			refused = err
			return refusal{err}
		}
		return e.trouble
	})
	if refused != nil {
		return refused
	}
	return err
}

// note remembers trouble, so that no decision of work can hide it.
func (e *Edit) note(err error) error {
	if err != nil && e.trouble == nil {
		e.trouble = err
	}
	return err
}

// Find returns the rows that the index of a table holds to be like row: those
// that are the same (Entry.Same), and those that only the collation takes for
// it (jose and josé), which stand in the way of a new row.
func (e *Edit) Find(ctx context.Context, table string, row Entry) ([]Entry, error) {
	t := entryTableOf(table)
	where, args := t.key+" = ?", []any{row.Key}
	if t.pair {
		where, args = where+" AND "+t.value+" = ?", append(args, row.Value)
	}
	if e.store.Driver() == "sqlite" { // NOCASE folds ASCII only
		where += " OR " + t.key + " GLOB '*[^ -~]*'"
		if t.pair {
			where += " OR " + t.value + " GLOB '*[^ -~]*'"
		}
		found, err := e.query(ctx, t, where, args...)
		return withoutOthers(table, found, row), err
	}
	return e.query(ctx, t, where+" FOR UPDATE", args...)
}

// withoutOthers leaves the rows that are the same as row.
func withoutOthers(table string, rows []Entry, row Entry) (same []Entry) {
	for _, other := range rows {
		if row.Same(table, other) {
			same = append(same, other)
		}
	}
	return same
}

// Each hands on the rows whose key matches before%after (LIKE, so case and
// accents are the collation's affair, and the caller compares again).
func (e *Edit) Each(ctx context.Context, table, before, after string, each func(Entry)) error {
	t := entryTableOf(table)
	return e.like(ctx, t, t.key, before, after, each)
}

// EachValue is Each for the values.
func (e *Edit) EachValue(ctx context.Context, table, before, after string, each func(Entry)) error {
	t := entryTableOf(table)
	return e.like(ctx, t, t.value, before, after, each)
}

// EachContaining hands on the rows whose value contains text.
func (e *Edit) EachContaining(ctx context.Context, table, text string, each func(Entry)) error {
	t := entryTableOf(table)
	return e.match(ctx, t, t.value, "%"+likeLiteral(text)+"%", each)
}

func (e *Edit) like(ctx context.Context, t entryTable, column, before, after string, each func(Entry)) error {
	return e.match(ctx, t, column, likeLiteral(before)+"%"+likeLiteral(after), each)
}

func (e *Edit) match(ctx context.Context, t entryTable, column, pattern string, each func(Entry)) error {
	rows, err := e.tx.QueryxContext(ctx, "SELECT "+t.columns()+" FROM "+t.name+" WHERE "+column+" LIKE ? ESCAPE '!' ORDER BY id", pattern)
	if err != nil {
		return e.note(err)
	}
	defer rows.Close()
	return e.note(scanEntries(rows, func(row Entry) error {
		each(row)
		return nil
	}))
}

func (e *Edit) query(ctx context.Context, t entryTable, where string, args ...any) (found []Entry, err error) {
	rows, err := e.tx.QueryxContext(ctx, "SELECT "+t.columns()+" FROM "+t.name+" WHERE "+where, args...)
	if err != nil {
		return nil, e.note(err)
	}
	defer rows.Close()
	err = scanEntries(rows, func(row Entry) error {
		found = append(found, row)
		return nil
	})
	return found, e.note(err)
}

// Values are the values of one folded key as a daemon would load them, of the
// tables that are loaded whole (Rows).
func (e *Edit) Values(ctx context.Context, table, key string) ([]string, error) {
	q, known := queries(e.store.Driver())[table]
	if !known {
		return nil, fmt.Errorf("database: table %q is not one that is loaded", table)
	}
	r := &Rows{store: e.store, table: table, bans: table == "api_bans", now: time.Now}
	key = lookup.Fold(key)
	args, ok := r.arguments(key)
	if !ok {
		return nil, nil
	}
	rows, err := e.tx.QueryxContext(ctx, q.get, args...)
	if err != nil {
		return nil, e.note(err)
	}
	defer rows.Close()
	var values []string
	err = r.each(ctx, rows, func(k, v []byte) error {
		if string(k) == key {
			values = append(values, string(v))
		}
		return nil
	})
	if err == nil {
		err = rows.Err()
	}
	return values, e.note(err)
}

// Insert adds a row and returns it with its number.
func (e *Edit) Insert(ctx context.Context, table string, row Entry) (Entry, error) {
	t := entryTableOf(table)
	columns, marks, args := t.key+", active", "?, ?", []any{row.Key, row.Active}
	if t.value != "" {
		columns, marks, args = columns+", "+t.value, marks+", ?", append(args, row.Value)
	}
	result, err := e.tx.ExecContext(ctx, "INSERT INTO "+t.name+" ("+columns+") VALUES ("+marks+")", args...)
	if err != nil {
		return Entry{}, e.note(err)
	}
	id, err := result.LastInsertId()
	row.ID = uint64(id)
	return row, e.note(err)
}

// SetActive switches a row on or off.
func (e *Edit) SetActive(ctx context.Context, table string, id uint64, active bool) error {
	_, err := e.tx.ExecContext(ctx, "UPDATE "+entryTableOf(table).name+" SET active = ? WHERE id = ?", active, id)
	return e.note(err)
}

// SetValue gives a row another value.
func (e *Edit) SetValue(ctx context.Context, table string, id uint64, value string) error {
	t := entryTableOf(table)
	_, err := e.tx.ExecContext(ctx, "UPDATE "+t.name+" SET "+t.value+" = ? WHERE id = ?", value, id)
	return e.note(err)
}

// deleteAtOnce is how many rows one statement deletes, so that it keeps to its
// time.
const deleteAtOnce = 1000

// Delete removes rows by their numbers.
func (e *Edit) Delete(ctx context.Context, table string, ids ...uint64) error {
	t := entryTableOf(table)
	for len(ids) > 0 {
		n := min(len(ids), deleteAtOnce)
		args := make([]any, n)
		for i, id := range ids[:n] {
			args[i] = id
		}
		_, err := e.tx.ExecContext(ctx, "DELETE FROM "+t.name+" WHERE id IN (?"+strings.Repeat(", ?", n-1)+")", args...)
		if err != nil {
			return e.note(err)
		}
		ids = ids[n:]
	}
	return nil
}
