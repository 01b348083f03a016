// Package store reaches the databases: MariaDB or MySQL through
// go-sql-driver/mysql, the embedded SQLite through modernc.org/sqlite, both
// under sqlx and behind the same named queries.
//
// # What it offers
//
// A [Store] is one database with a bounded pool of connections. [Pools] keeps
// one Store per database, so two .cf files for one database share one pool. A
// [Statement] is prepared once per connection and kept. [Rows] are the tables
// that are loaded whole, as keys and values (docs/architecture.md); [Feed] is
// the change feed of the schema (__db/README.md).
//
// # Hosts
//
// The hosts of a MySQL store are tried in turn, the first one first. One that
// fails is passed over for RetryInterval; when all have failed, all are tried
// again at once, so a database that is back is found by the next question.
// Connections live for ten minutes at most and so find their way back to the
// first host. Which host a question reaches is not stable while hosts fail:
// replicas that lag show their own past.
//
// # Time limits
//
// Postfix gives up after 100 s (ipc_timeout, socketmap_table(5)); the limits
// here are far below. ConnectTimeout bounds one host. StatementTimeout bounds a
// statement, and the server ends it (max_statement_time of MariaDB,
// max_execution_time of MySQL): a client that goes away does not end a
// statement, and the threads left behind would add up past max_connections. So
// whoever stops waiting leaves the connection to its statement, and the
// connection is used again when the server is done. One second later, where
// the server does not answer at all, the connection is dropped.
//
// # Sessions
//
// Character set and time limit are set for every session. The time zone is the
// server's, as it is for Postfix, because a .cf file may ask for NOW(); what is
// asked here for the loaded tables is in UTC whatever the zone.
//
// # Errors
//
// They read "database: host 127.0.0.1:3306: connection refused". The text of
// a server's error is shown where it can only speak of tables and columns, else
// its number. Passwords are in no text. A connection that turns out dead is
// replaced, and its statement asked once more. Everything is temporary.
// [TroubleOf] tells a server that is away from one that refuses us and from one
// that lacks a table; [Store.State] is the latest that is known.
//
// # Security
//
// Several statements in one are never allowed. A SELECT right suffices.
//
// # Known limits
//
// Per-key reads of loaded tables find a row by its index and compare the folded
// text in Go. So what the collation holds to be another letter than its folding
// is found by loading only, and only if it was stored unfolded: with the schema's
// collations that is a Greek iota subscript, and in api_bans (an older collation)
// capitals that are newer than Unicode 4. With a case-sensitive collation, which
// the schema does not have, it is every capital.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
)

// grace is how much longer than the server we wait for the end of a statement.
const grace = time.Second

var (
	errClosed  = errors.New("the store is closed")
	errTimeout = errors.New("no answer in time")
)

// Store is one database with its bounded pool of connections. It is safe for
// concurrent use.
type Store struct {
	options Options
	db      *sqlx.DB
	slots   chan struct{} // one for each connection; taken before the pool is asked
	metrics *Metrics

	contacts contacts

	life       context.Context // ends with Close
	close      context.CancelCauseFunc
	closing    sync.Once
	closeError error

	mu         sync.Mutex
	statements map[string]*Statement
}

// Open checks the options and makes a store. It does not connect: a database
// that is down at start is trouble of the first question, not of the daemon.
// Metrics may be nil.
func Open(o Options, m *Metrics) (*Store, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	db, err := openDB(&o)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(o.MaxConnections)
	db.SetMaxIdleConns(o.MaxConnections)
	if m == nil {
		m = NewMetrics(nil)
	}
	s := &Store{
		options: o, db: db, metrics: m,
		slots:      make(chan struct{}, o.MaxConnections),
		statements: map[string]*Statement{},
	}
	s.life, s.close = context.WithCancelCause(context.Background())
	m.add(s)
	return s, nil
}

func openDB(o *Options) (*sqlx.DB, error) {
	if o.Driver == "sqlite" {
		return openSQLite(*o)
	}
	c, err := newConnector(o)
	if err != nil {
		return nil, err
	}
	db := sqlx.NewDb(sql.OpenDB(c), "mysql")
	// Below any sane wait_timeout, so that we hang up first.
	db.SetConnMaxLifetime(10 * time.Minute)
	db.SetConnMaxIdleTime(time.Minute)
	return db, nil
}

// DB returns the pool, for administration. A context that ends there ends a
// MySQL connection, not the server's work; lookups use Prepare or Text, and Read.
func (s *Store) DB() *sqlx.DB { return s.db }

// Driver is "mysql" or "sqlite".
func (s *Store) Driver() string { return s.options.Driver }

// Identity says which database this is, without secrets: driver, user, hosts
// and name, or the path.
func (s *Store) Identity() string { return s.options.identity() }

// Ping asks the database for a sign of life.
func (s *Store) Ping(ctx context.Context) error {
	return s.run(ctx, func(ctx context.Context) error { return s.db.PingContext(ctx) })
}

// Exec changes data. It is not repeated: when the connection is lost, nobody
// knows whether it was done.
func (s *Store) Exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := s.acquire(ctx); err != nil {
		return nil, err
	}
	defer s.release()
	result, err := s.db.ExecContext(ctx, query, args...)
	s.contacts.note(err)
	return result, s.Error(err)
}

// Error puts an error of DB into the words of this package. It wraps err; nil
// stays nil.
func (s *Store) Error(err error) error { return explain(s.options, err) }

// Close ends all statements and connections. It may be called more than once.
func (s *Store) Close() error {
	s.close(errClosed)
	s.closing.Do(func() {
		for range cap(s.slots) { // whoever works has seen the end of its context
			s.slots <- struct{}{}
		}
		s.metrics.remove(s)
		if err := s.db.Close(); err != nil {
			s.closeError = fmt.Errorf("database: close: %w", err)
		}
	})
	return s.closeError
}
