package table

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"postern/internal/lookup"
)

// TestReadersDuringSwaps looks keys up while rows change, tables are loaded,
// folded, flushed, saved and given up. A key that is always in the database
// must never be missed, and its value is one that it had.
func TestReadersDuringSwaps(t *testing.T) {
	db := filled(3000)
	tb := New("alias", db.source("alias"), StandardPolicy("alias"))
	bans := New("api_bans", db.source("api_bans"), StandardPolicy("api_bans"))
	k := NewKeeper(Options{
		Refresh: 5 * time.Millisecond, FeedInterval: time.Millisecond, Reconcile: 5 * time.Millisecond,
		SaveInterval: time.Millisecond, StateDir: t.TempDir(), Log: slog.New(slog.DiscardHandler),
	}, db, tb, bans)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	var all sync.WaitGroup
	all.Go(func() { k.Run(ctx) })
	all.Go(func() { // writes
		for i := 0; ctx.Err() == nil; i++ {
			db.set("alias", fmt.Sprint("a", i%1500), fmt.Sprint("goto", i))
			if i%3 == 0 {
				db.set("alias", fmt.Sprint("extra", i%500))
			} else {
				db.set("alias", fmt.Sprint("extra", i%500), "value")
			}
			if i%100 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
	})
	all.Go(func() { // orders
		for i := 0; ctx.Err() == nil; i++ {
			key := ""
			if i%5 > 0 {
				key = fmt.Sprint("a", i%3000)
			}
			if err := k.Flush(ctx, "alias", key); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
			k.Status()
			poke(k.save)
		}
	})
	for n := range 4 {
		all.Go(func() {
			for i := n; ctx.Err() == nil; i++ {
				key := fmt.Sprint("a", i%3000)
				values, err := tb.Values(ctx, key)
				if ctx.Err() == nil && (err != nil || len(values) != 1 || values[0][:4] != "goto") {
					t.Errorf("%s: %q, %v", key, values, err)
					return
				}
				tb.Value(lookup.WithFresh(ctx), fmt.Sprint("extra", i%500))
			}
		})
	}
	all.Wait()
	// What is held in the end is what the database holds.
	if err := k.Flush(t.Context(), "alias", ""); err != nil {
		t.Fatal(err)
	}
	check(t, tb.state.Load(), model(db.tables["alias"]))
}
