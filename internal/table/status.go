package table

import (
	"fmt"
	"time"
)

// Status is what a keeper knows of one table.
type Status struct {
	Table      string
	Source     string // memory's origin: "database" or "disk copy"; "per key"; "none"
	Rows       int
	Changed    int    // keys in the overlay
	Generation uint64 // counts changes of the content, across restarts
	Checksum   uint64 // of the content, 48 bits: alike on hosts that hold the same rows
	LoadedAt   time.Time
	Current    time.Time     // when it was last known to be the database's content; zero: never
	Age        time.Duration // since Current
	Bytes      int64
	Held       *Held // a reload that the shrink guard holds back
	Trouble    error // why the last load failed, or the feed is not read
}

// Status returns the state of all tables, in the order in which they load.
func (k *Keeper) Status() []Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	var all []Status
	for _, w := range k.wards {
		s := w.state.Load()
		st := Status{
			Table: w.name, Source: "none", Rows: s.rows, Changed: s.overlaid(),
			Generation: s.generation, Checksum: s.sum, LoadedAt: s.loadedAt, Bytes: s.size(),
		}
		switch {
		case w.perKey.Load() != nil:
			st.Source = "per key"
		case s.loaded:
			st.Source = s.origin
		}
		if at := w.current.Load(); at != nil && s.loaded {
			st.Current = *at
			st.Age, _ = w.age()
		}
		if held := w.guard.held; held != nil {
			h := *held
			st.Held = &h
		}
		st.Trouble = k.troubleOf(w)
		all = append(all, st)
	}
	return all
}

// troubleOf is why the last load failed, or the feed is not read. The lock is
// held.
func (k *Keeper) troubleOf(w *ward) error {
	if w.trouble == nil && k.feedErr != nil {
		return fmt.Errorf("change feed: %w", k.feedErr)
	}
	return w.trouble
}

// Ready is nil when every table can be answered from: it is held, or it is
// asked per key, or the database answered a moment ago.
func (k *Keeper) Ready() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.options.Now()
	reached := k.feedWell() && now.Sub(k.feedAt) < 5*time.Second
	for _, w := range k.wards {
		if w.state.Load().loaded || w.perKey.Load() != nil || reached {
			continue
		}
		if trouble := k.troubleOf(w); trouble != nil {
			return fmt.Errorf("table %s: not loaded yet: %w", w.name, trouble)
		}
		return fmt.Errorf("table %s: not loaded yet", w.name)
	}
	return nil
}
