package envelope

import (
	"context"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// write does what changes the file, one at a time, and again and again while
// another program has it locked. The writers of this process take turns.
func (f *file) write(ctx context.Context, do func(context.Context) error) error {
	return patiently(ctx, func(ctx context.Context) error {
		select {
		case f.writing <- struct{}{}:
			defer func() { <-f.writing }()
			return do(ctx)
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// use does something with the database, which is not exchanged meanwhile.
func (f *file) use(do func(*sqlx.DB) error) error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return do(f.db)
}

// patiently repeats what another program's lock prevented until ctx ends.
func patiently(ctx context.Context, do func(context.Context) error) error {
	var locked error
	for {
		err := do(ctx)
		switch {
		case isLocked(err):
			locked = err
		case err != nil && locked != nil && ctx.Err() != nil:
			return lockedError{locked}
		default:
			return err
		}
		select {
		case <-ctx.Done():
			return lockedError{locked}
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func isLocked(err error) bool {
	e := (*sqlite.Error)(nil)
	if !errors.As(err, &e) {
		return false
	}
	code := e.Code() & 0xff
	return code == sqlite3.SQLITE_BUSY || code == sqlite3.SQLITE_LOCKED
}
