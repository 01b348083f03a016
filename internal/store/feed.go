package store

import (
	"context"
	"errors"
)

// ErrGap says that the feed cannot tell all that changed: load anew.
var ErrGap = errors.New("change feed: gap: the tables have to be loaded anew")

// Change names one key of one loaded table whose rows changed.
type Change struct{ Table, Key string }

// Feed follows postern_change.
type Feed struct{}

// Changes returns what changed since the call before. The first call returns
// nothing and sets the point from which to follow.
func (f *Feed) Changes(ctx context.Context) ([]Change, error) { return nil, nil }
