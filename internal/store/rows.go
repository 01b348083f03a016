package store

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jmoiron/sqlx"

	"postern/internal/lookup"
)

// Rows is one loaded table as keys and values (docs/architecture.md). Load and
// Get agree: what one calls a row of a key, the other does. Keys are folded by
// lookup.Fold and otherwise taken as they are, accents and blanks included. A
// row without a key or without a value (blanks count as none) does not exist.
type Rows struct {
	store *Store
	table string
	load  string
	get   *Statement
	bans  bool
	now   func() time.Time
}

// Rows returns the rows of one of the tables that are loaded whole: domain,
// alias, alias_handle, smtp_sender_acl, api_bans.
func (s *Store) Rows(table string) (*Rows, error) {
	q, ok := queries(s.Driver())[table]
	if !ok {
		return nil, fmt.Errorf("database: table %q is not one that is loaded", table)
	}
	return &Rows{
		store: s, table: table, load: q.load, get: s.Prepare(q.get),
		bans: table == "api_bans", now: time.Now,
	}, nil
}

// Load streams all rows. The slices are valid until emit returns. It ends with
// ctx, with the first error of emit, or after LoadTimeout.
func (r *Rows) Load(asker context.Context, emit func(key, value []byte) error) error {
	if err := r.store.acquire(asker); err != nil {
		return err
	}
	defer r.store.release()
	ctx, cancel := context.WithTimeout(asker, r.store.options.LoadTimeout)
	defer cancel()
	defer context.AfterFunc(r.store.life, cancel)()

	var own error // of emit; the database did its part
	err := r.stream(ctx, func(rows *sqlx.Rows) {
		if own = r.each(ctx, rows, emit); own != nil {
			cancel() // else the rest of the rows would be read before the end
		}
	})
	if own != nil {
		return own
	}
	if asker.Err() == nil {
		r.store.contacts.note(err)
	}
	if err != nil {
		return fmt.Errorf("load %s: %w", r.table, r.store.Error(err))
	}
	return nil
}

// stream reads the whole table on a connection whose statements may last
// longer for the time being.
func (r *Rows) stream(ctx context.Context, read func(*sqlx.Rows)) error {
	conn, err := r.store.db.Connx(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if r.store.Driver() == "mysql" {
		if err := limitStatements(ctx, conn, r.store.options.LoadTimeout); err != nil {
			return err
		}
		defer restoreLimit(conn, r.store.options.StatementTimeout)
	}
	rows, err := conn.QueryxContext(ctx, r.load)
	if err != nil {
		return err
	}
	defer rows.Close()
	read(rows)
	return rows.Err()
}

// each hands the rows on, without allocating for one.
func (r *Rows) each(ctx context.Context, rows *sqlx.Rows, emit func(key, value []byte) error) error {
	var raw [3]sql.RawBytes
	targets := []any{&raw[0], &raw[1], &raw[2]}
	if !r.bans {
		targets = targets[:2]
	}
	p := pairs{bans: r.bans, now: r.now()}
	for n := 0; rows.Next(); n++ {
		if n%1024 == 1023 && ctx.Err() != nil {
			return fmt.Errorf("load %s: %w", r.table, ctx.Err()) // database/sql notices in its own time
		}
		if err := rows.Scan(targets...); err != nil {
			return fmt.Errorf("row of %s: %w", r.table, r.store.Error(err))
		}
		key, value, ok := p.pair(raw)
		if !ok {
			continue
		}
		if err := emit(key, value); err != nil {
			return err
		}
	}
	return nil
}

// Get returns the values of one key, none if it has no row.
func (r *Rows) Get(ctx context.Context, key string) ([]string, error) {
	key = lookup.Fold(key)
	args, ok := r.arguments(key)
	if !ok {
		return nil, nil
	}
	values, err := Read(ctx, r.get, func(rows *sqlx.Rows) (values []string, err error) {
		err = r.each(ctx, rows, func(k, v []byte) error {
			if string(k) == key {
				values = append(values, string(v))
			}
			return nil
		})
		return values, err
	}, args...)
	if err != nil {
		return nil, fmt.Errorf("get from %s: %w", r.table, err)
	}
	return values, nil
}

// arguments are what the statement is asked with; not ok if no row can have
// the key.
func (r *Rows) arguments(key string) ([]any, bool) {
	if key == "" || r.store.Driver() == "mysql" && !utf8.ValidString(key) {
		return nil, false // a column of utf8mb4 holds no other bytes
	}
	if !r.bans {
		return []any{key}, true
	}
	kind, value, ok := strings.Cut(key, ":")
	return []any{kind, value}, ok
}

// pairs makes keys and values of rows, in buffers of its own.
type pairs struct {
	bans  bool
	now   time.Time
	key   []byte
	value []byte
}

func (p *pairs) pair(raw [3]sql.RawBytes) (key, value []byte, ok bool) {
	key, value = p.fold(raw[0]), raw[1]
	if p.bans {
		if value, ok = p.ban(raw[1], raw[2]); !ok {
			return nil, nil, false
		}
	}
	return key, value, len(key) > 0 && len(bytes.TrimSpace(value)) > 0
}

// fold is lookup.Fold without an allocation for ASCII.
func (p *pairs) fold(key []byte) []byte {
	upper := false
	for _, c := range key {
		if c >= utf8.RuneSelf {
			return []byte(lookup.Fold(string(key)))
		}
		upper = upper || 'A' <= c && c <= 'Z'
	}
	if !upper {
		return key
	}
	p.key = append(p.key[:0], key...)
	for i, c := range p.key {
		if 'A' <= c && c <= 'Z' {
			p.key[i] = c + 'a' - 'A'
		}
	}
	return p.key
}

// ban writes expiry and reason; not ok if the ban is over. An expiry that
// cannot be read (SQLite has no date type) is none: the ban stays.
func (p *pairs) ban(expiry, reason []byte) ([]byte, bool) {
	p.value = p.value[:0]
	expires, limited := parseTime(string(expiry))
	switch {
	case expiry == nil || !limited:
		p.value = append(p.value, '-')
	case !expires.After(p.now):
		return nil, false
	default:
		p.value = strconv.AppendInt(p.value, expires.UnixMicro(), 10)
	}
	p.value = append(p.value, ' ')
	return append(p.value, reason...), true
}

// parseTime reads a datetime as UTC, with "T" or a blank, with a fraction or
// without. MariaDB's zero date lies before all times.
func parseTime(text string) (time.Time, bool) {
	if strings.HasPrefix(text, "0000-00-00") {
		return time.Time{}, true
	}
	for _, layout := range []string{time.DateTime, "2006-01-02T15:04:05", "2006-01-02 15:04", time.DateOnly, time.RFC3339, "2006-01-02 15:04:05Z07:00"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// limitStatements gives the statements of a connection another time limit.
func limitStatements(ctx context.Context, conn *sqlx.Conn, d time.Duration) error {
	return withLimit(d, func(assignment string) error {
		_, err := conn.ExecContext(ctx, "SET "+assignment)
		return err
	})
}

// restoreLimit takes the longer limit back, or the connection out of the pool.
func restoreLimit(conn *sqlx.Conn, d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if limitStatements(ctx, conn, d) != nil {
		conn.Raw(func(any) error { return driver.ErrBadConn })
	}
}
