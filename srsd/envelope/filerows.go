package envelope

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jmoiron/sqlx"
)

// row is one line of table kv.
type row struct {
	Address string `db:"v"`
	Expiry  int64  `db:"lt"` // Unix time, s
}

func (f *file) get(ctx context.Context, key string) (string, bool, error) {
	if err := f.ready(ctx); err != nil {
		return "", false, err
	}
	r, found, err := f.find(ctx, key)
	if err != nil || !found || r.Address == "" {
		return "", false, err
	}
	if !f.options.Exact && r.Expiry <= f.options.Now().Unix() {
		return "", false, nil
	}
	return r.Address, true, nil
}

// find is row, patiently.
func (f *file) find(ctx context.Context, key string) (r row, found bool, err error) {
	err = patiently(ctx, func(ctx context.Context) (err error) {
		r, found, err = f.row(ctx, key)
		return err
	})
	return r, found, err
}

func (f *file) row(ctx context.Context, key string) (r row, found bool, err error) {
	err = f.use(func(db *sqlx.DB) error {
		return db.GetContext(ctx, &r, "SELECT v, lt FROM kv WHERE k = ?", key)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return row{}, false, nil
	}
	return r, err == nil, err
}

// put reads before it writes. The row itself, not a memory of it, says that
// the sender is stored: whatever deleted it, the next mail stores it again.
func (f *file) put(ctx context.Context, key, address string) (string, error) {
	if err := f.ready(ctx); err != nil {
		return "", err
	}
	if f.options.Renew > 0 {
		r, found, err := f.find(ctx, key)
		if err != nil {
			return "", err
		}
		if found && r.Address == address && f.livesOn(r) {
			return resultCurrent, nil
		}
	}
	return resultStored, f.write(ctx, func(ctx context.Context) error { return f.insert(ctx, key, address) })
}

// livesOn reports whether a row needs no renewal yet.
func (f *file) livesOn(r row) bool {
	return r.Expiry > f.options.Now().Add(f.options.Lifetime-f.options.Renew).Unix()
}

// insert is called by the writer. The table's own clause replaces an old row.
func (f *file) insert(ctx context.Context, key, address string) error {
	_, found, err := f.row(ctx, key)
	if err != nil {
		return err
	}
	if !found {
		if err := f.makeRoom(ctx); err != nil {
			return err
		}
	}
	expiry := f.options.Now().Add(f.options.Lifetime).Unix()
	err = f.use(func(db *sqlx.DB) error {
		_, err := db.ExecContext(ctx, "INSERT INTO kv (k, v, lt) VALUES (?, ?, ?)", key, address, expiry)
		return err
	})
	if err == nil && !found {
		f.entries.Add(1)
	}
	return err
}
