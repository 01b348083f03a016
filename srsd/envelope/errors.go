package envelope

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
	"modernc.org/sqlite"

	"postern/internal/redisserver"
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
		full   fullError
		locked lockedError
		gone   goneError
		file   *sqlite.Error
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
	case errors.Is(err, sql.ErrConnDone), errors.Is(err, redis.ErrClosed), strings.Contains(err.Error(), "database is closed"):
		return "the store is closed"
	}
	switch redisserver.Refusal(err) {
	case "NOPERM":
		return "the user may not do that: he needs GET and SETEX on keys PostSRSd/*, SELECT, DBSIZE and INFO (NOPERM)"
	case "WRONGTYPE":
		return "the key holds something else than a text (WRONGTYPE)"
	}
	return redisserver.Cause(err)
}
