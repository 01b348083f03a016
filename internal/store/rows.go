package store

import "context"

// Rows is one loaded table as keys and values (docs/architecture.md).
type Rows struct{}

// Load streams all rows. The slices are valid until emit returns.
func (r *Rows) Load(ctx context.Context, emit func(key, value []byte) error) error { return nil }

// Get returns the values of one key, none if it has no row.
func (r *Rows) Get(ctx context.Context, key string) ([]string, error) { return nil, nil }
