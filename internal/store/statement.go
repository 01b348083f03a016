package store

import (
	"context"

	"github.com/jmoiron/sqlx"
)

// Statement is a query with its parameters left open.
type Statement struct{}

// Query runs the statement; the caller closes the rows.
func (st *Statement) Query(ctx context.Context, args ...any) (*sqlx.Rows, error) { return nil, nil }

// Exec runs a statement that returns no rows.
func (st *Statement) Exec(ctx context.Context, args ...any) error { return nil }
