package envelope

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"postern/internal/oneline"
)

// lockedError is a lock that was held all the time there was.
type lockedError struct{ err error }

func (e lockedError) Error() string { return "the file is locked by another program" }
func (e lockedError) Unwrap() error { return e.err }

// goneError is a file that vanished while it was in use. It is not made anew:
// the senders in it are owed an answer, and "unknown" would be a wrong one.
type goneError struct{ err error }

func (e goneError) Error() string {
	return "the file is gone: put it back, or reload to begin with an empty one"
}
func (e goneError) Unwrap() error { return e.err }

func fileCause(e *sqlite.Error) string {
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		return "the disk is full"
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return lockedError{}.Error()
	case sqlite3.SQLITE_CANTOPEN:
		return "the file cannot be opened: it is missing, or may not be read and written, or its folder may not be written"
	case sqlite3.SQLITE_READONLY:
		return "the file or its folder cannot be written"
	case sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		return "no right to open the file"
	case sqlite3.SQLITE_NOTADB:
		return "the file is no SQLite database"
	case sqlite3.SQLITE_CORRUPT:
		return "the file is damaged"
	case sqlite3.SQLITE_INTERRUPT:
		return "no answer in time"
	case sqlite3.SQLITE_IOERR:
		return fmt.Sprintf("reading or writing the file failed (SQLite error %d)", e.Code())
	case sqlite3.SQLITE_ERROR: // speaks of the statement
		return oneline.Log(e.Error())
	}
	return fmt.Sprintf("SQLite error %d", e.Code())
}

// explain tells what a human can do about a file that Open refuses.
func explain(path string, err error) error {
	e := (*sqlite.Error)(nil)
	switch folder := filepath.Dir(path); {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no folder %s: make it, owned by the user that the daemon runs as: %w", folder, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("no right: the user that the daemon runs as must own the file and folder %s: %w", folder, err)
	case !errors.As(err, &e):
		return err
	}
	fix := "the user that the daemon runs as must own the file and its folder"
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
		fix = "restore it, or save what can be read (sqlite3 FILE .recover), or move it away and a new one is made; " +
			"bounces to senders that were stored in it alone are lost then"
	case sqlite3.SQLITE_ERROR:
		fix = "its table kv is not that of PostSRSd: name another file"
	}
	return fmt.Errorf("%s: %s", cause(err), fix)
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
