package table

import (
	"context"
	"testing"

	"postern/internal/lookup/lookuptest"
)

// TestLoadedTableConforms: a table that is held whole.
func TestLoadedTableConforms(t *testing.T) {
	load := func(t *testing.T, pairs map[string]string) lookuptest.Subject {
		db := fillDB(pairs)
		table := New("domain", db.source("domain"), StandardPolicy("domain"))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		keeper := NewKeeper(Options{}, nil, table)
		go func() { defer close(done); keeper.Run(ctx) }()
		t.Cleanup(func() { stop(); <-done })
		if err := keeper.Flush(t.Context(), "domain", ""); err != nil {
			t.Fatal(err)
		}
		return lookuptest.Subject{Map: table}
	}
	lookuptest.Run(t, load, lookuptest.Options{})
}

// TestAskedTableConforms: a table that is not loaded yet, each key of which is
// asked of the database.
func TestAskedTableConforms(t *testing.T) {
	load := func(t *testing.T, pairs map[string]string) lookuptest.Subject {
		db := fillDB(pairs)
		table := New("domain", db.source("domain"), StandardPolicy("domain"))
		return lookuptest.Subject{Map: table, Break: func() { db.fail(errDown) }}
	}
	lookuptest.Run(t, load, lookuptest.Options{})
}

// fillDB has the pairs in table domain. A row without a value does not exist
// for lookups; the store leaves it out.
func fillDB(pairs map[string]string) *fakeDB {
	db := newFakeDB()
	for key, value := range pairs {
		if value != "" {
			db.set("domain", key, value)
		}
	}
	return db
}
