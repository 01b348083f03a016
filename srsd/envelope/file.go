package envelope

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jmoiron/sqlx"
	"modernc.org/sqlite" // registers the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// schema is PostSRSd's, so that either program can go on with the other's file.
const schema = `
CREATE TABLE IF NOT EXISTS kv (k TEXT NOT NULL UNIQUE ON CONFLICT REPLACE, v TEXT NOT NULL, lt INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS ltidx ON kv (lt)`

// file is an SQLite database of senders.
type file struct {
	path     string
	options  Options
	db       *sqlx.DB
	prepared atomic.Bool
	writing  chan struct{} // one writer at a time in this process

	// Of the writer:
	entries *atomic.Int64
	counted bool
	refused time.Time // when the store was last found full
}

// openFile makes what is missing. Trouble that passes is left to the operations.
func openFile(ctx context.Context, path string, o Options, entries *atomic.Int64) (*file, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	db, err := sqlx.Open("sqlite", dataSource(absolute))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(4)
	db.SetMaxIdleConns(4)
	f := &file{path: absolute, options: o, db: db, entries: entries, writing: make(chan struct{}, 1)}
	limited, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	if err := f.prepare(limited); err != nil {
		if !passes(err) {
			return nil, errors.Join(f.explain(err), db.Close())
		}
		o.Log.Warn("envelope store: not ready yet, mail that needs it is deferred until it is", "file", absolute, "error", cause(err))
		return f, nil
	}
	if o.Exact {
		f.sweepAtStart(ctx)
	}
	return f, nil
}

// sweepAtStart deletes what expired, as PostSRSd does at every start and
// reload. As there, trouble with it is no trouble for the service.
func (f *file) sweepAtStart(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, upkeepLimit)
	defer cancel()
	if err := f.sweep(limited); err != nil {
		f.options.Log.Warn("envelope store: expired senders were not deleted, the next start will", "file", f.path, "error", cause(err))
	}
}

// dataSource names the file in SQLite's URI form. SQLite makes no file by
// itself, and waits for locks in short turns, so that an operation ends in time.
func dataSource(absolute string) string {
	parameters := url.Values{
		"mode":          {"rw"},
		"_busy_timeout": {"50"},
		"_synchronous":  {"FULL"}, // a sender whose address was handed out survives a power cut
		"_txlock":       {"immediate"},
		"_error_rc":     {"1"},
	}
	return (&url.URL{Scheme: "file", Path: absolute, RawQuery: parameters.Encode()}).String()
}

// prepare makes file and tables once; the first operation that can does it.
func (f *file) prepare(ctx context.Context) error {
	if f.prepared.Load() {
		return nil
	}
	return f.write(ctx, func(ctx context.Context) error {
		if f.prepared.Load() {
			return nil
		}
		if err := create(f.path); err != nil {
			return err
		}
		if err := f.makeTables(ctx); err != nil {
			return err
		}
		f.prepared.Store(true)
		return nil
	})
}

// create makes an empty file that its owner alone may read. A file that is
// there is not even opened: closing it would drop the locks that another store
// of this process holds on it (POSIX locks, fcntl(2)).
func create(path string) error {
	made, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return made.Close()
}

// makeTables also finds out whether the file can be written.
func (f *file) makeTables(ctx context.Context) error {
	if !f.options.Exact {
		f.useWriteAheadLog(ctx)
	}
	tx, err := f.db.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, schema); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "SELECT k, v, lt FROM kv LIMIT 1"); err != nil {
		return err
	}
	return tx.Commit()
}

// useWriteAheadLog lets readers and a writer not wait for each other. Where
// it cannot be had (a busy file, a network file system) all works without.
func (f *file) useWriteAheadLog(ctx context.Context) {
	var mode string
	if err := f.db.GetContext(ctx, &mode, "PRAGMA journal_mode=WAL"); err != nil || mode != "wal" {
		f.options.Log.Debug("envelope store: no write-ahead log", "file", f.path, "mode", mode, "error", err)
	}
}

// explain tells what a human can do.
func (f *file) explain(err error) error {
	e := (*sqlite.Error)(nil)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("no folder %s: make it, owned by the user that the daemon runs as: %w", filepath.Dir(f.path), err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("no right to make the file: the user that the daemon runs as must own folder %s: %w", filepath.Dir(f.path), err)
	case !errors.As(err, &e):
		return err
	}
	fix := "see that the user that the daemon runs as owns the file and its folder"
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
		fix = "restore it, or save what can be read (sqlite3 FILE .recover), or move it away and a new one is made; bounces to senders stored in it alone are lost then"
	case sqlite3.SQLITE_ERROR:
		fix = "its table kv is not the one of PostSRSd; name another file"
	}
	return fmt.Errorf("%s: %s: %w", cause(err), fix, err)
}

// passes reports trouble that goes by without a change of the configuration.
func passes(err error) bool {
	if errors.As(err, new(lockedError)) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return true
	}
	e := (*sqlite.Error)(nil)
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_INTERRUPT:
		return true
	}
	return false
}

func (f *file) close() error { return f.db.Close() }

// write does what changes the file, one at a time.
func (f *file) write(ctx context.Context, do func(context.Context) error) error {
	select {
	case f.writing <- struct{}{}:
		defer func() { <-f.writing }()
	case <-ctx.Done():
		return lockedError{ctx.Err()}
	}
	return patiently(ctx, do)
}

// patiently repeats what another process's lock prevented until ctx ends.
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
