package table

import (
	"context"
	"errors"
)

// Source is where the rows of one table live.
type Source interface {
	// Load streams every row through emit, in any order. Keys are folded
	// already. Emit copies what it keeps, so both buffers may be used again
	// when it returns; an error of emit ends the load and is returned.
	Load(ctx context.Context, emit func(key, value []byte) error) error

	// Get reads the rows of one folded key. No rows and no error mean that the
	// database says there are none.
	Get(ctx context.Context, key string) (values []string, err error)
}

// Change names rows that are no longer what they were: all of one key.
type Change struct {
	Table string
	Key   string // folded as in Source.Load
}

// Feed is the change feed of one database.
type Feed interface {
	// Changes returns what changed since the last call that gave no error. It
	// may repeat itself, and it may deliver a change later than its neighbours
	// (commit order is not sequence order), but it never leaves one out; where
	// it would have to, it returns ErrGap and goes on from now. The first call
	// takes the position and returns nothing or ErrGap. ErrNoFeed says that
	// the database has none.
	Changes(ctx context.Context) ([]Change, error)
}

// ErrGap is returned by a Feed that cannot tell what changed, or will not
// because it is too much: every table is loaded again.
var ErrGap = errors.New("change feed: changes were missed")

// ErrNoFeed is returned by a Feed that finds none installed. The tables go by
// reloads, and the Feed is asked again as often as they are loaded.
var ErrNoFeed = errors.New("change feed: not installed")
