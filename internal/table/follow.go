package table

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	feedTimeout = 5 * time.Second // limit of one read of the feed
	feedBackoff = time.Second     // longest pause after one that failed
	gets        = 8               // keys that are read from the database at once
)

// follow reads the change feed until ctx ends.
func (k *Keeper) follow(ctx context.Context) {
	if k.feed == nil {
		close(k.positioned)
		return
	}
	for fails := 0; ctx.Err() == nil; {
		began := k.options.Now()
		wait := jitter(min(minBackoff<<fails, feedBackoff))
		switch err := k.readFeed(ctx); {
		case err == nil:
			fails = 0
			wait = k.pace(k.options.Now().Sub(began))
		case errors.Is(err, ErrNoFeed):
			fails = 0
			wait = k.options.Refresh
		default:
			fails = min(fails+1, 10)
		}
		select {
		case <-k.positioned:
		default:
			close(k.positioned)
		}
		sleep(ctx, wait, nil)
	}
}

// pace is the pause after a read that took so long. The next one is to end
// before the feed vouches no more for what is not there.
func (k *Keeper) pace(took time.Duration) time.Duration {
	interval := k.options.FeedInterval
	return max(interval-interval/20-2*took, interval/2)
}

// readFeed reads the feed once and brings the tables up to it.
func (k *Keeper) readFeed(ctx context.Context) error {
	began := k.options.Now()
	within, cancel := context.WithTimeout(ctx, feedTimeout)
	changes, err := k.feed.Changes(within)
	cancel()
	gap := errors.Is(err, ErrGap)
	if err != nil && !gap {
		k.feedFailed(ctx, err)
		return err
	}
	k.feedRead(began, gap)
	k.note(changes)
	for _, w := range k.wards {
		if err := k.apply(ctx, w); err != nil {
			err = fmt.Errorf("table %s: changed keys: %w", w.name, err)
			k.feedFailed(ctx, err)
			return err
		}
		if k.upToDate(w) {
			w.verify(began)
		}
	}
	return nil
}

// feedFailed notes that the feed was not read. Until it is, the tables go by
// reloads.
func (k *Keeper) feedFailed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return // told to stop: says nothing about the database
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	none := errors.Is(err, ErrNoFeed)
	if none {
		k.loose = true // once there is one, its position is younger than the tables
		err = nil
	}
	if was := k.feedAbsent; none && !was {
		k.options.Log.Info("no change feed, tables are loaded at intervals", "interval", k.options.Refresh)
	} else if err != nil && k.feedErr == nil {
		k.options.Log.Warn("change feed not read, trying again", "error", err)
	}
	if k.feedWell() {
		for _, w := range k.wards {
			k.dueBy(w, k.options.Now().Add(jitter(k.refresh(w))))
		}
	}
	k.feedAbsent, k.feedErr = none, err
}

// feedRead notes that the feed was read, and what follows from that if it left
// something out.
func (k *Keeper) feedRead(began time.Time, gap bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.feedErr != nil {
		k.options.Log.Info("change feed is read again")
	}
	k.feedAt, k.feedErr, k.feedAbsent = began, nil, false
	if !gap && !k.loose {
		return
	}
	if gap && !k.loose {
		k.options.Log.Info("change feed has a gap, loading all tables")
	}
	k.loose = false
	for _, w := range k.wards {
		k.missed(w)
	}
}

// missed has w loaded again, because changes up to now may have been missed.
func (k *Keeper) missed(w *ward) {
	clear(w.pending)
	w.gap = w.tickets.Add(1)
	k.dueBy(w, w.loadEnd.Add(rest(w.loadTook)))
}

func (k *Keeper) dueBy(w *ward, at time.Time) {
	if w.guard.held == nil && at.Before(w.due) {
		w.due = at
		poke(w.lane.wake)
	}
}

// note files changes with their tables. Where it is many, loading the table
// takes less than asking for each key.
func (k *Keeper) note(changes []Change) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range changes {
		if w, err := k.ward(c.Table); err == nil && w.perKey.Load() == nil {
			w.pending[strings.Clone(c.Key)] = struct{}{}
		}
	}
	for _, w := range k.wards {
		if len(w.pending) > max(500, w.state.Load().rows/1000) {
			k.missed(w)
		}
	}
}

// apply reads the keys of w that changed.
func (k *Keeper) apply(ctx context.Context, w *ward) error {
	k.mu.Lock()
	keys := make([]string, 0, len(w.pending))
	for key := range w.pending {
		keys = append(keys, key)
	}
	k.mu.Unlock()
	if len(keys) == 0 {
		return nil
	}
	patches, err := k.fetch(ctx, w, keys)
	k.mu.Lock()
	for key := range patches {
		delete(w.pending, key)
	}
	k.guardDeletes(w, patches)
	k.mu.Unlock()
	if len(patches) > 0 {
		w.put(patches)
		k.changed(w, len(patches))
	}
	return err
}

// fetch reads keys from the database, several at once. With an error it
// returns what it has got.
func (k *Keeper) fetch(ctx context.Context, w *ward, keys []string) (map[string]patch, error) {
	var mu sync.Mutex
	patches := make(map[string]patch, len(keys))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(gets)
	for _, key := range keys {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, askTimeout)
			defer cancel()
			ticket := w.tickets.Add(1)
			values, err := w.get(ctx, key)
			if err != nil {
				return err
			}
			mu.Lock()
			patches[key] = patch{values: values, ticket: ticket}
			mu.Unlock()
			return nil
		})
	}
	return patches, group.Wait()
}

// guardDeletes takes out of patches what deletes too much at once, and has the
// table loaded instead, for the guard to judge.
func (k *Keeper) guardDeletes(w *ward, patches map[string]patch) {
	s, lost := w.state.Load(), 0
	var fewer []string
	for key, p := range patches {
		if n := len(s.values(key)) - len(p.values); n > 0 {
			lost += n
			fewer = append(fewer, key)
		}
	}
	if lost == 0 || !s.loaded || w.guard.deletes(lost, s.rows, k.options.Now()) {
		return
	}
	for _, key := range fewer {
		delete(patches, key)
	}
	if w.guard.held == nil {
		k.options.Log.Warn("change feed deletes many rows at once, loading the table to be sure",
			"table", w.name, "rows", s.rows, "deleted", lost)
		k.missed(w)
	}
}

// changed notes that n keys of w were read anew.
func (k *Keeper) changed(w *ward, n int) {
	w.metrics.changed(n)
	poke(k.save)
}

// upToDate reports whether w holds all that the feed told of.
func (k *Keeper) upToDate(w *ward) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := w.state.Load()
	return s.loaded && w.gap == 0 && len(w.pending) == 0 && w.guard.held == nil
}
