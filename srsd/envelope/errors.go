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
)

// ErrFull says that the store holds as many senders as it may.
var ErrFull = errors.New("store is full")

// fullError is ErrFull with the number.
type fullError int64

func (n fullError) Error() string        { return fmt.Sprintf("store is full: %d senders", int64(n)) }
func (n fullError) Is(target error) bool { return target == ErrFull }

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
		gone    goneError
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
	case errors.As(err, &gone):
		return gone.Error()
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
