package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jmoiron/sqlx"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// errReadOnly is a host that takes no changes.
var errReadOnly = errors.New("is read-only, as a replica is")

// change runs work in one transaction on a host that takes writes: the first
// of the hosts that is not read-only. When another program holds the rows, or
// the two wait for each other, it is done once more from the start.
func (s *Store) change(ctx context.Context, t writerTurn, work func(context.Context, *sqlx.Tx) error) error {
	if err := s.acquire(ctx); err != nil {
		return err
	}
	defer s.release()
	conn, done, err := s.writer(ctx)
	if err != nil {
		return s.Error(err)
	}
	defer done()
	occupied := t.take(ctx, conn, s.options)
	if occupied != nil && (t.alone > 0 || ctx.Err() != nil) {
		return s.Error(occupied)
	}
	err = transact(ctx, conn, s.options.Driver, work)
	if isContention(err) && ctx.Err() == nil {
		err = transact(ctx, conn, s.options.Driver, work)
	}
	if refused := (refusal{}); errors.As(err, &refused) {
		return err
	}
	return inTheWay(s.Error(err), occupied)
}

// refusal is a decision of ours in a transaction, no trouble of the database.
type refusal struct{ error }

// transact is one attempt.
func transact(ctx context.Context, conn *sqlx.Conn, kind string, work func(context.Context, *sqlx.Tx) error) error {
	var o *sql.TxOptions // SQLite: BEGIN IMMEDIATE, see sqliteName
	if kind == "mysql" {
		// So that SELECT … FOR UPDATE also locks the place where no row is yet,
		// whatever the server's default is.
		o = &sql.TxOptions{Isolation: sql.LevelRepeatableRead}
	}
	tx, err := conn.BeginTxx(ctx, o)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := work(ctx, tx); err != nil {
		return err
	}
	if err := tx.Commit(); isLost(err) {
		return fmt.Errorf("the connection was lost at the end, so this may be done or not: %w", err)
	} else if err != nil {
		return err
	}
	return nil
}

// writer connects to the first host that takes writes.
func (s *Store) writer(ctx context.Context) (*sqlx.Conn, func(), error) {
	if s.options.Driver == "sqlite" {
		conn, err := s.db.Connx(ctx)
		if err != nil {
			return nil, nil, err
		}
		return conn, func() { conn.Close() }, nil
	}
	hosts, err := parseHosts(s.options.Hosts)
	if err != nil {
		return nil, nil, err
	}
	var failures []hostError
	for _, h := range hosts {
		conn, done, err := s.writable(ctx, h)
		if err == nil {
			return conn, done, nil
		}
		failures = append(failures, hostError{h, err})
		if ctx.Err() != nil {
			break
		}
	}
	return nil, nil, &connectError{failures}
}

// writable connects to a host and asks whether it takes writes.
func (s *Store) writable(ctx context.Context, h host) (_ *sqlx.Conn, _ func(), err error) {
	c, err := hostConnector(s.options, h)
	if err != nil {
		return nil, nil, err
	}
	db := sqlx.NewDb(sql.OpenDB(dialer{c, s.options}), "mysql")
	db.SetMaxOpenConns(1)
	defer func() {
		if err != nil {
			db.Close()
		}
	}()
	conn, err := db.Connx(ctx)
	if err != nil {
		return nil, nil, err
	}
	done := func() { conn.Close(); db.Close() }
	var readOnly string // 0 or 1; newer MariaDBs have words
	if err := conn.GetContext(ctx, &readOnly, `SELECT @@global.read_only`); err != nil {
		done()
		return nil, nil, err
	}
	if readOnly != "0" && readOnly != "OFF" {
		done()
		return nil, nil, errReadOnly
	}
	return conn, done, nil
}

// dialer makes the connections of one host (driver.Connector).
type dialer struct {
	connector driver.Connector
	options   Options
}

// Connect implements driver.Connector.
func (d dialer) Connect(ctx context.Context) (driver.Conn, error) {
	return dialHost(ctx, d.connector, d.options)
}

// Driver implements driver.Connector.
func (d dialer) Driver() driver.Driver { return d.connector.Driver() }

// isContention reports whether others were in the way, so that trying again
// may do: a deadlock, a lock that was waited for in vain, the time limit of
// the statement, which ends such waits first, and a row with the same key that
// another program added meanwhile (1062): the second time it is seen.
func isContention(err error) bool {
	if e := (*mysql.MySQLError)(nil); errors.As(err, &e) {
		return e.Number == 1213 || e.Number == 1205 || e.Number == 1969 || e.Number == 3024 || e.Number == 1062
	}
	e := (*sqlite.Error)(nil)
	return errors.As(err, &e) && (e.Code()&0xff == sqlite3.SQLITE_BUSY || e.Code()&0xff == sqlite3.SQLITE_LOCKED)
}

// MissingRight reports whether err says that the user may not do that, or that
// the file cannot be written.
func MissingRight(err error) bool {
	if e := (*mysql.MySQLError)(nil); errors.As(err, &e) {
		return e.Number == 1142 || e.Number == 1143 || e.Number == 1044
	}
	e := (*sqlite.Error)(nil)
	return errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_READONLY
}

// later is the first instant from t on that is not taken, in the steps of the
// column.
func later(t time.Time, taken map[time.Time]bool) time.Time {
	t = t.UTC().Truncate(time.Microsecond)
	for taken[t] {
		t = t.Add(time.Microsecond)
	}
	return t
}
