package counter

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// DefaultMaxKeys is how many counters Memory keeps unless told otherwise.
const DefaultMaxKeys = 1_000_000

// MemoryOptions are the options of Memory. The zero value of each is good.
type MemoryOptions struct {
	Now     func() time.Time // wall clock; time.Now
	MaxKeys int              // bound on the counters; DefaultMaxKeys
	Metrics *Metrics
	Log     *slog.Logger
}

// Memory is a Store in memory. See the package comment.
type Memory struct {
	wall    func() time.Time
	metrics *Metrics
	log     *slog.Logger
	calls   sync.Pool // of *call

	mu       sync.Mutex
	clock    storeClock
	counters *counters
	paid     *payments
	changes  uint64 // counts charges
}

// NewMemory makes an empty store.
func NewMemory(o MemoryOptions) *Memory {
	m := &Memory{wall: o.Now, metrics: o.Metrics, log: o.Log}
	if m.wall == nil {
		m.wall = time.Now
	}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	if o.MaxKeys <= 0 {
		o.MaxKeys = DefaultMaxKeys
	}
	m.calls.New = func() any { return new(call) }
	m.counters = newCounters(o.MaxKeys)
	m.paid = newPayments(o.MaxKeys, m.metrics.forgot)
	m.clock.tick(m.wall())
	return m
}

// Len is the number of counters.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counters.len
}

// Charge implements Store. An error is a debit that makes no sense: an empty
// key, a window without time, two windows of one length.
func (m *Memory) Charge(_ context.Context, debits []Debit, outcomes []Outcome, peek bool) error {
	c := m.calls.Get().(*call)
	defer m.calls.Put(c)
	if err := c.prepare(debits); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.charge(c, debits, outcomes, peek)
	c.forget()
	return nil
}

func (m *Memory) charge(c *call, debits []Debit, outcomes []Outcome, peek bool) {
	c.find(debits, m.counters, m.now())
	refused, full, uses := false, false, c.uses
	for i := range debits {
		d := &debits[i]
		outcomes[i] = c.judge(d, c.names[2*i:2*i+2], uses[:len(d.Windows)], m.paid)
		uses = uses[len(d.Windows):]
		refused = refused || !outcomes[i].Fits && !d.Soft
		full = full || outcomes[i].Full
	}
	if peek {
		return
	}
	if full {
		m.metrics.full()
	}
	c.note(m.counters, refused)
	if !refused {
		c.commit(debits, m.counters, m.paid)
		m.changes++
	}
	m.metrics.keys(m.counters.len)
}

// now is the instant on the store's own clock, with what it makes void forgotten.
func (m *Memory) now() int64 {
	now, jumped := m.clock.tick(m.wall())
	if jumped {
		m.counters.clear()
		m.paid.clear()
	}
	m.paid.age(now)
	return now
}

// storeClock adds up how the wall clock goes forwards, in nanoseconds.
type storeClock struct {
	wall, now int64
	started   bool
}

// longest is a step of the clock after which every counter is empty.
const longest = 366 * 24 * time.Hour

// tick returns the instant. It has jumped when everything has drained, and
// begins at 0 again, so that it does not overflow, even if the wall clock goes
// back and forth by years.
func (c *storeClock) tick(wall time.Time) (now int64, jumped bool) {
	ns := wall.UnixNano()
	step := ns - c.wall
	c.wall = ns
	if !c.started {
		c.started = true
		return 0, false
	}
	if step > int64(longest) || step > int64(longest/12) && c.now > 1<<61 {
		c.now = 0
		return 0, true
	}
	c.now += max(step, 0)
	return c.now, false
}
