package mysqltable

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"
)

// runText asks by the text protocol, on one connection, which is asked first
// what quotes mean in its session if that matters. It returns when ctx ends;
// the connection stays with its statement, which the server ends in time,
// because a client that hangs up does not end it.
func (t *table) runText(ctx context.Context, a *answer) error {
	conn, err := t.store.DB().Connx(ctx)
	if err != nil {
		return t.store.Error(err)
	}
	own := &answer{result: a.result}
	done := make(chan error, 1)
	go func() {
		err := t.askSession(context.WithoutCancel(ctx), conn, own)
		conn.Close() // before the answer: whoever asks next finds it free
		done <- err
	}()
	select {
	case err := <-done:
		*a = *own
		return err
	case <-ctx.Done():
		a.result = t.newResult(a.result.key) // the other one is still being written
		return t.store.Error(ctx.Err())
	}
}

func (t *table) askSession(ctx context.Context, conn *sqlx.Conn, a *answer) error {
	q := t.config.query
	a.statement = q.usual
	if q.others != nil {
		var mode string
		err := conn.GetContext(ctx, &mode, "SELECT @@SESSION.sql_mode")
		if err != nil {
			return fmt.Errorf("sql_mode: %w", t.store.Error(err))
		}
		if a.statement, err = q.forMode(mode); err != nil {
			return err
		}
	}
	text := q.literal(a.statement, a.statement.bound(a.result.key))
	return conn.Raw(func(c any) error {
		server, ok := c.(driver.QueryerContext)
		if !ok {
			return errors.New("the driver has no text protocol")
		}
		rows, err := server.QueryContext(ctx, text, nil)
		if err != nil {
			return t.store.Error(err)
		}
		defer rows.Close()
		r := rowReader{needSet: t.config.requireResultSet, result: a.result, explain: t.store.Error}
		return r.readPrinted(rows)
	})
}
