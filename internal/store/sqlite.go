package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/jmoiron/sqlx"
	_ "modernc.org/sqlite" // registers the driver "sqlite"

	"postern"
)

// openSQLite prepares a pool on a file that InitSQLite has made. A file that
// is missing is trouble; it is not created empty.
func openSQLite(o Options) (*sqlx.DB, error) {
	db, err := sqlx.Open("sqlite", sqliteName(o.Path, "rw", o.StatementTimeout))
	if err != nil {
		return nil, fmt.Errorf("database: %s: %w", o.Path, err)
	}
	return db, nil
}

// sqliteName is the data source name. Busy is how long one waits for another
// program's lock; writers queue for it from their first statement on.
func sqliteName(path, mode string, busy time.Duration) string {
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute // "file:db" would be an authority to SQLite's parser
	}
	parameters := url.Values{
		"mode":          {mode},
		"_busy_timeout": {fmt.Sprint(busy.Milliseconds())},
		"_foreign_keys": {"1"},
		"_synchronous":  {"NORMAL"},
		"_txlock":       {"immediate"},
		"_error_rc":     {"1"},
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: parameters.Encode()}).String()
}

// InitSQLite makes an embedded database with all tables, or adds what is
// missing to one that exists. A new file has mode 0640: it holds password
// hashes. The journal is a write-ahead log, so readers and a writer do not
// wait for each other.
func InitSQLite(path string) error {
	if err := initSQLite(path); err != nil {
		return explain(Options{Driver: "sqlite", Path: path}, err)
	}
	return nil
}

func initSQLite(path string) (err error) {
	script, err := postern.Schema("sqlite")
	if err != nil {
		return err
	}
	if err := createFile(path); err != nil {
		return err
	}
	db, err := sqlx.Open("sqlite", sqliteName(path, "rw", 3*time.Second)+"&_journal_mode=WAL")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTxx(context.Background(), nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.Exec(script); err != nil {
		return err
	}
	return tx.Commit()
}

// createFile makes an empty file with the right mode, unless there is one. That
// one is not opened: closing it would end every lock that this process has on
// it (fcntl(2)), SQLite's of an open store included.
func createFile(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return file.Close()
}
