package table

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// stall is how long a load may go on without a row.
	stall = 30 * time.Second

	// The pause after a failed load: a database that is back is seen within
	// two seconds.
	minBackoff = 250 * time.Millisecond
	maxBackoff = 2 * time.Second
)

// reload loads each table of l when it is due.
func (k *Keeper) reload(ctx context.Context, l *lane) {
	select {
	case <-k.positioned:
	case <-ctx.Done():
		return
	}
	for ctx.Err() == nil {
		w, wait := k.next(l)
		if wait > 0 {
			sleep(ctx, wait, l.wake)
			continue
		}
		_ = k.load(ctx, w) // it is logged, counted and tried again
	}
}

// next returns the table of l that is due first and how long until then.
func (k *Keeper) next(l *lane) (*ward, time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(l.wards) == 0 {
		return nil, time.Hour
	}
	next := l.wards[0]
	for _, w := range l.wards {
		if w.due.Before(next.due) {
			next = w
		}
	}
	return next, next.due.Sub(k.options.Now())
}

// load reads the whole table and activates what it reads, if the guard lets
// it. A reload that is held back is no error.
func (k *Keeper) load(ctx context.Context, w *ward) error {
	select {
	case w.lane.slot <- struct{}{}:
		defer func() { <-w.lane.slot }()
	case <-ctx.Done():
		return fmt.Errorf("table %s: load: %w", w.name, ctx.Err())
	}
	base, ticket := w.begin()
	defer w.end()
	at := k.options.Now()
	r, err := k.read(ctx, w, base, ticket, at)
	took := k.options.Now().Sub(at)
	switch {
	case ctx.Err() != nil && err != nil: // told to stop: says nothing about the database
	case errors.Is(err, errTooLarge) && !w.policy.Whole:
		err = nil
		k.tooLarge(w)
	case err != nil:
		k.failed(w, err)
	case k.judge(w, base, r, at):
		k.activate(w, r, ticket, at, took)
	}
	k.schedule(w, ticket, took)
	if err != nil {
		return fmt.Errorf("table %s: load: %w", w.name, err)
	}
	return nil
}

// read streams the table, with an eye on databases that fall silent.
func (k *Keeper) read(ctx context.Context, w *ward, base *snapshot, ticket uint64, at time.Time) (r reading, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(stall, func() { cancel(fmt.Errorf("no row for %v", stall)) })
	defer silence.Stop()
	l := newLoader(w.seed, base, k.room(w))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	err = w.src.Load(ctx, func(key, value []byte) error {
		if l.rows&1023 == 0 {
			silence.Reset(stall)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
		return l.add(text(key), text(value))
	})
	if err == nil {
		err = context.Cause(ctx)
	} else if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	if err != nil {
		return reading{}, err
	}
	return l.finish(ticket, at)
}

// room is the memory that w may take; 0 means no limit.
func (k *Keeper) room(w *ward) int64 {
	if k.options.MaxMemory <= 0 {
		return 0
	}
	if w.policy.Whole {
		return k.options.MaxMemory
	}
	return max(k.options.MaxMemory-k.bytes(w), 1)
}

// judge asks the guard, and says what it says.
func (k *Keeper) judge(w *ward, base *snapshot, r reading, at time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	before, rows := w.guard.held, base.rows
	if w.policy.Over != nil && r.lost > 0 {
		over := base.over(r.content, at, w.policy.Over)
		rows, r.lost = rows-over, max(r.lost-over, 0)
	}
	if w.guard.judge(r, rows, at) {
		return true
	}
	w.fails, w.trouble = 0, nil
	w.metrics.reloaded("held")
	if held := w.guard.held; before == nil || before.Checksum != held.Checksum {
		k.options.Log.Error("a reload is held back by the shrink guard; "+
			"if it is right, run postern accept-snapshot", "table", w.name, "reason", held.Reason,
			"rows", held.Rows, "lost", held.Lost, "held_since", held.At)
	}
	return false
}

func (k *Keeper) activate(w *ward, r reading, ticket uint64, at time.Time, took time.Duration) {
	changed := w.Table.activate(r.content, ticket, at)
	k.mu.Lock()
	before := w.trouble
	if w.gap <= ticket {
		w.gap = 0
	}
	w.fails, w.trouble = 0, nil
	k.mu.Unlock()
	w.metrics.reloaded("ok")
	if s := w.state.Load(); changed || before != nil {
		k.options.Log.Info("table loaded", "table", w.name, "rows", s.rows,
			"generation", s.generation, "bytes", s.size(), "duration", took)
	}
	k.adjustGC()
	freeMemory(r.rebuilt)
	poke(k.save)
}

func (k *Keeper) failed(w *ward, err error) {
	w.metrics.reloaded("error")
	k.mu.Lock()
	first := w.fails == 0
	w.fails++
	w.trouble = err
	k.mu.Unlock()
	if first {
		k.options.Log.Warn("table not loaded, trying again", "table", w.name, "error", err)
	}
}

// tooLarge has the table asked per key.
func (k *Keeper) tooLarge(w *ward) {
	w.metrics.reloaded("too_large")
	k.mu.Lock()
	w.fails, w.trouble = 0, nil
	w.guard.held, w.guard.accepted = nil, false
	clear(w.pending)
	w.gap = 0
	k.mu.Unlock()
	if w.perKey.Load() != nil {
		return
	}
	m := w.raw()
	if k.options.PerKey != nil {
		m = k.options.PerKey(w.name, m)
	}
	freed := w.state.Load().size()
	w.release(&face{m})
	k.options.Log.Warn("table is too large for max_memory and is asked per key",
		"table", w.name, "max_memory", k.options.MaxMemory)
	freeMemory(freed)
	k.adjustGC()
}

// schedule sets when w is loaded next, after a load with that ticket.
func (k *Keeper) schedule(w *ward, ticket uint64, took time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	defer poke(w.lane.wake) // the loop may be asleep until later than that
	now := k.options.Now()
	w.loadEnd, w.loadTook = now, took
	switch held := w.guard.held; {
	case w.fails > 0:
		pause := min(minBackoff<<min(w.fails-1, 10), maxBackoff)
		w.due = now.Add(max(jitter(pause), min(took, time.Minute)))
	case held != nil && now.Sub(held.At) < confirm:
		w.due = held.At.Add(confirm + time.Second)
	case w.gap > ticket:
		w.due = now.Add(rest(took))
	case held == nil && (k.feedWell() || w.perKey.Load() != nil):
		w.due = now.Add(jitter(k.options.Reconcile))
	default:
		w.due = now.Add(jitter(k.refresh(w)))
	}
}

// refresh is the time between two reloads of w where there is no feed. One that
// has to be quick takes a tenth of the database's time at most.
func (k *Keeper) refresh(w *ward) time.Duration {
	if w.policy.Refresh > 0 {
		return min(max(w.policy.Refresh, 9*w.loadTook), k.options.Refresh)
	}
	return k.options.Refresh
}

// rest is the pause between two reloads for the sake of many changes, after
// one that took so long.
func rest(took time.Duration) time.Duration { return min(2*took, time.Minute) }

// feedWell reports whether the feed is there and answers.
func (k *Keeper) feedWell() bool {
	return k.feed != nil && k.feedErr == nil && !k.feedAbsent && !k.feedAt.IsZero()
}
