package envelope

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrFull says that the store holds as many senders as it may.
var ErrFull = errors.New("store is full")

// fullError is ErrFull with the number.
type fullError int64

func (n fullError) Error() string        { return fmt.Sprintf("store is full: %d senders", int64(n)) }
func (n fullError) Is(target error) bool { return target == ErrFull }

// lockedError is a lock that was held all the time there was.
type lockedError struct{ err error }

func (e lockedError) Error() string { return "the file is locked by another program" }
func (e lockedError) Unwrap() error { return e.err }

// Error is trouble with a store, in a text that holds no address and no password.
type Error struct {
	text string
	err  error
}

// Error implements error.
func (e *Error) Error() string { return e.text }

// Unwrap returns what the driver said, which may quote data: not for logs.
func (e *Error) Unwrap() error { return e.err }

// cause is the heart of err, in at most 200 bytes.
func cause(err error) string {
	var (
		full    fullError
		locked  lockedError
		file    *sqlite.Error
		server  redis.Error
		dns     *net.DNSError
		errno   syscall.Errno
		network net.Error
	)
	switch {
	case errors.As(err, &full):
		return full.Error()
	case errors.As(err, &locked):
		return locked.Error()
	case errors.As(err, &file):
		return fileCause(file)
	case errors.As(err, &server):
		return serverCause(server.Error())
	case errors.Is(err, context.Canceled):
		return "given up by the asker"
	case errors.Is(err, redis.ErrPoolTimeout), errors.Is(err, redis.ErrPoolExhausted):
		return "all connections to the server are busy"
	case errors.As(err, &dns):
		return bounded("no address of " + dns.Name + ": " + dns.Err)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "no answer in time"
	case errors.As(err, &errno):
		return errno.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "connection lost"
	case errors.Is(err, sql.ErrConnDone), errors.Is(err, redis.ErrClosed), strings.Contains(err.Error(), "database is closed"):
		return "the store is closed"
	}
	return bounded(err.Error())
}

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
		return bounded(e.Error())
	}
	return fmt.Sprintf("SQLite error %d", e.Code())
}

// serverCause says what a Redis server's error means. The server quotes the
// arguments of a command it does not know, and those are a sender's address.
func serverCause(text string) string {
	word, _, _ := strings.Cut(text, " ")
	switch word {
	case "LOADING":
		return "the server is loading its data (LOADING)"
	case "READONLY":
		return "the server is a replica that takes no writes (READONLY)"
	case "MASTERDOWN":
		return "the server has lost its master (MASTERDOWN)"
	case "NOAUTH":
		return "the server wants a password (NOAUTH)"
	case "WRONGPASS":
		return "the server does not take this user and password (WRONGPASS)"
	case "NOPERM":
		return "the user may not do that: he needs GET, SETEX, DBSIZE and INFO on keys PostSRSd/* (NOPERM)"
	case "OOM":
		return "the server's memory is full: maxmemory (OOM)"
	case "MISCONF":
		return "the server cannot save its data and takes no writes (MISCONF)"
	case "NOREPLICAS":
		return "the server has too few replicas and takes no writes (NOREPLICAS)"
	case "WRONGTYPE":
		return "the key holds something else than a text (WRONGTYPE)"
	case "ERR":
		before, _, _ := strings.Cut(text, ", with args")
		return bounded("the server refuses: " + before)
	}
	return bounded("the server refuses: " + word)
}

// bounded makes text fit for a line of a log.
func bounded(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	if len(text) > 200 {
		text = strings.ToValidUTF8(text[:200], "") + "…"
	}
	return text
}
