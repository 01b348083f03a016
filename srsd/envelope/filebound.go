package envelope

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"
)

const (
	// sweepBatch is how many rows one transaction deletes: other writers wait
	// for it.
	sweepBatch = 500

	// fullPause is how long a store that was found full is not swept and
	// counted again.
	fullPause = 10 * time.Second
)

// makeRoom is called by the writer before a row is added. The rows are counted
// when that is first needed and by every sweep; in between the number is that
// of the last count and what was added here.
func (f *file) makeRoom(ctx context.Context) error {
	most := int64(f.options.MaxEntries)
	if most <= 0 {
		return nil
	}
	if !f.counted {
		if err := f.recount(ctx); err != nil {
			return err
		}
	}
	if f.entries.Load() < most {
		return nil
	}
	if since := f.options.Now().Sub(f.refused); since >= 0 && since < fullPause {
		return fullError(f.entries.Load())
	}
	for more := true; more; {
		var err error
		if more, err = f.deleteExpired(ctx); err != nil {
			return err
		}
	}
	if err := f.recount(ctx); err != nil {
		return err
	}
	if f.entries.Load() >= most {
		f.refused = f.options.Now()
		return fullError(f.entries.Load())
	}
	return nil
}

// tend is the upkeep of a native store.
func (f *file) tend(ctx context.Context) error {
	if err := f.ready(ctx); err != nil {
		return err
	}
	if !f.options.Exact {
		if err := f.sweep(ctx); err != nil {
			return err
		}
	}
	return f.write(ctx, f.recount)
}

// sweep deletes what expired, in batches that let other writers in between.
func (f *file) sweep(ctx context.Context) error {
	for more := true; more; {
		err := f.write(ctx, func(ctx context.Context) (err error) {
			more, err = f.deleteExpired(ctx)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// deleteExpired deletes one batch and reports whether there may be more. The
// bound is PostSRSd's: what expires this second is gone.
func (f *file) deleteExpired(ctx context.Context) (more bool, err error) {
	err = f.use(func(db *sqlx.DB) error {
		result, err := db.ExecContext(ctx, "DELETE FROM kv WHERE rowid IN (SELECT rowid FROM kv WHERE lt <= ? LIMIT ?)",
			f.options.Now().Unix(), sweepBatch)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		more = n == sweepBatch
		return err
	})
	return more, err
}

func (f *file) recount(ctx context.Context) error {
	n, err := f.rowCount(ctx)
	if err == nil {
		f.entries.Store(n)
		f.counted = true
	}
	return err
}

func (f *file) count(ctx context.Context) (n int64, err error) {
	if err := f.ready(ctx); err != nil {
		return 0, err
	}
	err = patiently(ctx, func(ctx context.Context) (err error) {
		n, err = f.rowCount(ctx)
		return err
	})
	return n, err
}

func (f *file) rowCount(ctx context.Context) (n int64, err error) {
	err = f.use(func(db *sqlx.DB) error {
		return db.GetContext(ctx, &n, "SELECT count(*) FROM kv")
	})
	return n, err
}
