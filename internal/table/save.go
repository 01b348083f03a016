package table

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"
)

const (
	saveTick  = 5 * time.Second // how often it is looked whether something is to be written
	markEvery = time.Minute     // how often it is noted that a copy is current still
	saveRate  = 512 << 10       // bytes a second, on average, that disk copies may write
	savePause = 5 * time.Minute // longest pause for the sake of saveRate
)

// saved is what the disk copy of a table says.
type saved struct {
	there      bool
	rows       int
	sum        uint64
	generation uint64
	current    time.Time
	at         time.Time // when it was written, or could not be
	trouble    bool
}

func (s saved) says(c *snapshot) bool {
	return s.there && s.rows == c.rows && s.sum == c.sum && s.generation == c.generation
}

// restore puts the disk copy of w in place.
func (k *Keeper) restore(w *ward) {
	if k.disk.dir == "" {
		return
	}
	now := k.options.Now()
	k.disk.clean(now)
	s, current, err := k.disk.read(w.Table, k.room(w))
	log := k.options.Log.With("table", w.name, "file", k.disk.path(w.name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case errors.Is(err, errForeign), errors.Is(err, errTooLarge), errors.Is(err, os.ErrPermission):
		log.Warn("disk copy not used", "error", err)
	case err != nil:
		log.Warn("disk copy is damaged and set aside", "error", err)
		if err := k.disk.setAside(w.name); err != nil {
			log.Warn("disk copy not set aside", "error", err)
		}
	default:
		if current.After(now) {
			current = now // written by a clock that was ahead
		}
		w.Table.restore(s, current)
		w.saved = saved{there: true, rows: s.rows, sum: s.sum, generation: s.generation, current: current}
		log.Info("table restored from its disk copy", "rows", s.rows, "generation", s.generation, "age", now.Sub(current))
	}
}

// saveLoop writes disk copies until ctx ends.
func (k *Keeper) saveLoop(ctx context.Context) {
	if k.disk.dir == "" {
		return
	}
	for sleep(ctx, saveTick, k.save) {
		k.saveAll(false)
	}
}

// saveAll writes the disk copies that are due; at the end, all that differ.
func (k *Keeper) saveAll(end bool) {
	if k.disk.dir == "" {
		return
	}
	for _, w := range k.wards {
		k.saveOne(w, end)
	}
}

// saveOne is called by one goroutine at a time, which alone uses w.saved.
func (k *Keeper) saveOne(w *ward, end bool) {
	at := w.current.Load() // before the content, which must not be older
	s, now := w.state.Load(), k.options.Now()
	if !s.loaded || at == nil {
		return
	}
	same := w.saved.says(s)
	switch {
	case same && !at.After(w.saved.current):
		return
	case same && !end && at.Sub(w.saved.current) < markEvery:
		return
	case !same && !end && !w.saved.at.IsZero() && now.Sub(w.saved.at) < k.savePause(w, s):
		return
	}
	var err error
	if same {
		err = k.disk.writeMark(w.name, s, *at)
	} else {
		err = k.disk.write(w.name, s, *at)
		w.saved.at = now
	}
	k.wrote(w, err)
	if err == nil {
		w.saved = saved{there: true, rows: s.rows, sum: s.sum, generation: s.generation, current: *at, at: w.saved.at}
	}
}

// savePause is the least time between two disk copies of s.
func (k *Keeper) savePause(w *ward, s *snapshot) time.Duration {
	pause := min(time.Duration(s.size()/saveRate)*time.Second, savePause)
	if s.overlaid() > 0 || w.saved.trouble {
		pause = max(pause, k.options.SaveInterval)
	}
	return pause
}

// wrote counts and, when it changes, logs how the writing goes.
func (k *Keeper) wrote(w *ward, err error) {
	log := k.options.Log.With("table", w.name, "dir", k.disk.dir)
	switch {
	case err != nil && !w.saved.trouble:
		log.Warn("disk copy not written: a restart without the database would answer from the one before", "error", err)
	case err == nil && w.saved.trouble:
		log.Info("disk copy is written again")
	}
	if err != nil {
		w.saved.trouble = true
		w.saved.current = time.Time{}
		w.metrics.saved("error")
		return
	}
	w.metrics.saved("ok")
}
