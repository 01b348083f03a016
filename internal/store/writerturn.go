package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jmoiron/sqlx"
)

// writerTurn has writers of this program come one after the other (GET_LOCK), so
// that they do not run into each other's locks: with FOR UPDATE on a row that
// is not there, one of two is refused as a deadlock. The lock ends with the
// connection.
type writerTurn struct {
	name string

	// alone is for work whose checks must hold until it writes: it waits for so
	// long, and does not go on beside another. 0: what must not wait, and changes
	// only rows that it locks, lets others go first for two seconds.
	alone time.Duration
}

// aloneWait is for administrators.
const aloneWait = 10 * time.Second

// OccupiedError is a turn that did not come.
type OccupiedError struct {
	Connection uint64        // of the database, that has the turn; 0: it just ended
	Who        string        // user and client; empty where the user may not see other users' connections
	Since      time.Duration // of its last statement
}

// Error implements error.
func (e *OccupiedError) Error() string {
	switch {
	case e.Connection == 0:
		return "another postern command changes the tables: try again"
	case e.Who == "":
		return fmt.Sprintf("another postern command changes the tables, connection %d: try again when it is done; KILL %[1]d ends it", e.Connection)
	}
	return fmt.Sprintf("another postern command changes the tables, connection %d of %.100s, whose last statement is %s old: try again when it is done; KILL %[1]d ends it",
		e.Connection, e.Who, e.Since)
}

// take waits for the turn. The error is an *OccupiedError, or what ended ctx;
// servers that do not have such locks (Galera) give every writer his turn.
func (t writerTurn) take(ctx context.Context, conn *sqlx.Conn, o Options) error {
	if o.Driver != "mysql" {
		return nil
	}
	step := min(2*time.Second, o.StatementTimeout/2) // the limit of statements ends such waits, too
	for waited := time.Duration(0); ; waited += step {
		var got sql.NullInt64
		err := conn.GetContext(ctx, &got, `SELECT GET_LOCK(CONCAT(?, '.', MD5(DATABASE())), ?)`, t.name, step.Seconds())
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil || !got.Valid || got.Int64 == 1:
			return nil
		case step <= 0 || waited+step >= t.alone:
			return t.holder(ctx, conn)
		}
	}
}

// holder tells who has the turn.
func (t writerTurn) holder(ctx context.Context, conn *sqlx.Conn) error {
	e := &OccupiedError{}
	var id sql.NullInt64
	if err := conn.GetContext(ctx, &id, `SELECT IS_USED_LOCK(CONCAT(?, '.', MD5(DATABASE())))`, t.name); err != nil || !id.Valid {
		return e
	}
	e.Connection = uint64(id.Int64)
	var row struct {
		User string `db:"u"`
		Host string `db:"h"`
		Time int64  `db:"t"`
	}
	if err := conn.GetContext(ctx, &row, `SELECT user AS u, host AS h, time AS t FROM information_schema.processlist WHERE id = ?`, e.Connection); err == nil {
		e.Who, e.Since = row.User+"@"+row.Host, time.Duration(row.Time)*time.Second
	}
	return e
}

// inTheWay adds to trouble with locks whose they may be.
func inTheWay(err, occupied error) error {
	e := (*mysql.MySQLError)(nil)
	switch {
	case !errors.As(err, &e) || e.Number != 1205 && e.Number != 1213 && e.Number != 1969 && e.Number != 3024:
		return err
	case occupied != nil:
		return fmt.Errorf("%w: %w", err, occupied)
	}
	return fmt.Errorf("%w: another program may hold these rows: SHOW FULL PROCESSLIST names those that are connected", err)
}
