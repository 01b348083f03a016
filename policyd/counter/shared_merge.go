package counter

import (
	"context"
	"crypto/rand"
	"time"
)

// mergeMost is how many counters are added to Redis in one step, which no
// other decision interrupts.
const mergeMost = 1000

// merge is the way back of what was charged in memory.
type merge struct {
	pending *handover             // was sent, and may have been added
	settled map[counterID]settled // was added after it had been given back to memory
}

// handover is what one script adds.
type handover struct {
	id     string
	taken  time.Time
	levels []Level
	back   bool // memory counts it too
}

type counterID struct {
	rule, key string
	per       time.Duration
}

// settled is a level of memory that Redis has as well.
type settled struct {
	level Level
	taken time.Time
}

// mergeWithin is mergeBatch with a limit.
func (s *Shared) mergeWithin(ctx context.Context, limit time.Duration) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return s.mergeBatch(ctx)
}

// mergeBatch adds some counters to Redis and returns how many; 0: memory is
// empty. What could not be added goes on counting in memory.
func (s *Shared) mergeBatch(ctx context.Context) (int, error) {
	m := &s.merge
	if m.pending == nil {
		levels := s.local.Take(mergeMost)
		if len(levels) == 0 {
			return 0, nil
		}
		now := time.Now()
		m.pending = &handover{id: rand.Text(), taken: now, levels: m.unsettled(levels, now)}
	}
	b := m.pending
	err := s.redis.addOnce(ctx, b.id, drained(b.levels, time.Since(b.taken)))
	switch {
	case err == nil:
		m.settle(b)
		s.metrics.add(len(b.levels))
		return len(b.levels), nil
	case refused(err):
		m.pending = nil // it was not added
	}
	if !b.back {
		s.local.Put(b.levels)
		b.back = true
	}
	return 0, err
}

// settle ends the pending batch, which Redis has now.
func (m *merge) settle(b *handover) {
	m.pending = nil
	if !b.back {
		return
	}
	if m.settled == nil {
		m.settled = make(map[counterID]settled, len(b.levels))
	}
	for _, l := range b.levels {
		m.settled[counterID{l.Rule, l.Key, l.Window.Per}] = settled{l, b.taken}
	}
}

// unsettled leaves out of levels what Redis has.
func (m *merge) unsettled(levels []Level, now time.Time) []Level {
	for i, l := range levels {
		id := counterID{l.Rule, l.Key, l.Window.Per}
		if known, ok := m.settled[id]; ok {
			levels[i].Units = max(0, l.Units-drainedUnits(known.level, now.Sub(known.taken)))
			delete(m.settled, id)
		}
	}
	return levels
}

// drained is what is left of levels after a while.
func drained(levels []Level, d time.Duration) []Level {
	left := make([]Level, len(levels))
	for i, l := range levels {
		left[i] = l
		left[i].Units = drainedUnits(l, d)
	}
	return left
}

// drainedUnits is rounded up, as a Level is.
func drainedUnits(l Level, d time.Duration) int64 {
	return level{units: l.Units}.after(l.Window, int64(d)).up()
}
