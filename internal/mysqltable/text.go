package mysqltable

import (
	"context"
	"database/sql"
	"fmt"
)

// queryer is a pool or one of its connections.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// runText asks by the text protocol.
func (t *table) runText(ctx context.Context, db queryer, a *answer) error {
	texts := a.statement.bound(a.result.key)
	rows, err := db.QueryContext(ctx, t.config.query.literal(a.statement, texts))
	if err != nil {
		return err
	}
	return (&rowReader{rows: rows, prints: true, needSet: t.config.requireResultSet, result: a.result}).read()
}

// runByMode asks the session what quotes mean in it, and then the query, both
// on one connection.
func (t *table) runByMode(ctx context.Context, a *answer) error {
	conn, err := t.store.DB().Connx(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var mode string
	if err := conn.QueryRowContext(ctx, "SELECT @@SESSION.sql_mode").Scan(&mode); err != nil {
		return fmt.Errorf("sql_mode: %w", err)
	}
	if a.statement, err = t.config.query.forMode(mode); err != nil {
		return err
	}
	return t.runText(ctx, conn, a)
}
