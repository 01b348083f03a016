package store

import (
	"context"
	"sync/atomic"

	"github.com/jmoiron/sqlx"
)

// Statement is a query with its parameters left open. It is safe for
// concurrent use and needs no Close.
type Statement struct {
	store    *Store
	query    string
	prepared atomic.Pointer[sqlx.Stmt]
}

// Query runs the statement. The caller closes the rows; they end by themselves
// when the statement's time is over. What the server finds wrong with the
// statement shows here, and it is prepared anew by the next call.
func (st *Statement) Query(ctx context.Context, args ...any) (*sqlx.Rows, error) {
	return st.store.query(ctx, func(ctx context.Context) (*sqlx.Rows, error) {
		p, err := st.prepare(ctx)
		if err != nil {
			return nil, err
		}
		return p.QueryxContext(ctx, args...)
	})
}

// Read runs the statement and calls read with its rows, which are closed
// afterwards. When a connection is lost, read is called a second time, with
// the first row again; an error of read is returned as it is. When ctx ends,
// Read returns while read may still be running.
func (st *Statement) Read(ctx context.Context, read func(*sqlx.Rows) error, args ...any) error {
	var own error // of read; the database did its part
	err := st.store.run(ctx, func(ctx context.Context) error {
		p, err := st.prepare(ctx)
		if err != nil {
			return err
		}
		rows, err := p.QueryxContext(ctx, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		own = read(rows)
		return rows.Err()
	})
	if err != nil {
		return err
	}
	return own
}

// prepare prepares the statement on the first connection that asks; the others
// follow by themselves (database/sql.Stmt). Two at once do the work twice,
// rather than that one which hangs holds up the others.
func (st *Statement) prepare(ctx context.Context) (*sqlx.Stmt, error) {
	if p := st.prepared.Load(); p != nil {
		return p, nil
	}
	p, err := st.store.db.PreparexContext(ctx, st.query)
	if err != nil {
		return nil, err
	}
	if !st.prepared.CompareAndSwap(nil, p) {
		p.Close()
	}
	return st.prepared.Load(), nil
}
