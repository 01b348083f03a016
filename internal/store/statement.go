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
	text     bool // sent as it stands, each time
	prepared atomic.Pointer[sqlx.Stmt]
}

// Prepare makes a statement that every connection of the pool prepares on its
// first use and keeps. Equal texts share one statement.
func (s *Store) Prepare(query string) *Statement {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.statements[query]
	if st == nil {
		st = &Statement{store: s, query: query}
		s.statements[query] = st
	}
	return st
}

// Text makes a statement that is sent as it stands, by the text protocol if it
// has no arguments. It keeps nothing, and may be made for one question.
func (s *Store) Text(query string) *Statement {
	return &Statement{store: s, query: query, text: true}
}

// Query runs the statement and leaves reading and closing the rows to the
// caller. They end by themselves when the statement's time is over, and not
// with ctx, so Read is the better choice for a question with a deadline.
func (st *Statement) Query(ctx context.Context, args ...any) (*sqlx.Rows, error) {
	return st.store.query(ctx, func(ctx context.Context) (*sqlx.Rows, error) {
		return st.ask(ctx, args)
	})
}

// Read runs a statement and returns what read makes of its rows, which are
// closed afterwards. When a connection is lost, the statement is run again and
// read is called a second time, with the first row again. An error of read is
// returned as it is. Read returns when ctx ends; the function read may then
// still be running, so it must not write to what the caller looks at.
func Read[T any](ctx context.Context, st *Statement, read func(*sqlx.Rows) (T, error), args ...any) (T, error) {
	var (
		zero, result T
		own          error // of read; the database did its part
	)
	err := st.store.run(ctx, func(ctx context.Context) error {
		rows, err := st.ask(ctx, args)
		if err != nil {
			return err
		}
		defer rows.Close()
		result, own = read(rows)
		return rows.Err()
	})
	if err != nil {
		return zero, err
	}
	return result, own
}

// ask sends the statement. What the server finds wrong with it shows here, and
// it is prepared anew by the next question.
func (st *Statement) ask(ctx context.Context, args []any) (*sqlx.Rows, error) {
	if st.text {
		return st.store.db.QueryxContext(ctx, st.query, args...)
	}
	p, err := st.prepare(ctx)
	if err != nil {
		return nil, err
	}
	return p.QueryxContext(ctx, args...)
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
