package counter

import (
	"context"
	"encoding/binary"
	"io"
	"time"
)

// batch is about how many counters are looked at under the lock at a time.
const batch = 1000

// Save writes the state to the file, and forgets what is empty. Charges go on
// meanwhile.
func (m *Memory) Save(path string) error {
	err := stateFormat.Write(path, m.write)
	m.metrics.save(err, m.wall())
	return err
}

func (m *Memory) write(w io.Writer) error {
	m.mu.Lock()
	s := &saver{m: m, w: w, started: m.now()}
	defer m.mu.Unlock()
	s.out = binary.AppendVarint(s.out, m.clock.wall)
	s.record(sinceRecord, binary.AppendVarint(nil, s.started-m.paid.since))
	s.counters()
	s.payments(m.paid.young, 0)
	s.payments(m.paid.old, 1)
	s.flush()
	return s.err
}

// saver writes what it gathers under the lock without the lock.
type saver struct {
	m            *Memory
	w            io.Writer
	started      int64
	out, payload []byte
	err          error
}

func (s *saver) counters() {
	for next, done := 0, false; !done && s.err == nil; s.flush() {
		next, done = s.m.counters.walk(next, s.counter)
	}
	s.m.metrics.keys(s.m.counters.len)
}

func (s *saver) counter(x *counter) {
	if x.empty(s.m.clock.now) {
		s.m.counters.remove(x)
		return
	}
	saved := savedCounter{x.kind.rule, x.key, x.window(), x.level, s.started - x.at}
	s.payload = saved.append(s.payload[:0])
	s.record(counterRecord, s.payload)
}

// payments ranges over a map that others change between two steps, which a map
// allows: what is there all the time comes once.
func (s *saver) payments(generation map[payID]int64, which byte) {
	count := 0
	for id, paid := range generation {
		if s.err != nil {
			return
		}
		s.payload = binary.AppendVarint(append(s.payload[:0], id[:]...), paid)
		s.record(paymentRecord, append(s.payload, which))
		if count++; count%batch == 0 {
			s.flush()
		}
	}
}

func (s *saver) record(what byte, payload []byte) {
	s.out = appendRecord(s.out, what, payload)
}

// flush writes while others have the lock.
func (s *saver) flush() {
	s.m.mu.Unlock()
	defer s.m.mu.Lock()
	if s.err == nil && len(s.out) > 0 {
		_, s.err = s.w.Write(s.out)
	}
	s.out = s.out[:0]
}

// Run saves the state in each interval in which something was charged, and
// once more when ctx ends, before it returns. Without a path it only forgets
// what is empty. A disk that is full or broken is a warning, once until it
// works again.
func (m *Memory) Run(ctx context.Context, path string, interval time.Duration) {
	keeper := &keeper{m: m, path: path}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			keeper.keep()
			return
		case <-ticker.C:
			keeper.keep()
		}
	}
}

// keeper is Run between two ticks.
type keeper struct {
	m       *Memory
	path    string
	saved   uint64 // changes in the file
	failing bool
}

func (k *keeper) keep() {
	changes := k.m.tidy()
	if k.path == "" || changes == k.saved {
		return
	}
	err := k.m.Save(k.path)
	switch {
	case err != nil && !k.failing:
		k.m.log.Warn("the counters of the rate limits are not saved: a restart would begin with older ones", "error", err)
	case err == nil && k.failing:
		k.m.log.Info("the counters of the rate limits are saved again", "path", k.path)
	}
	k.failing = err != nil
	if err == nil {
		k.saved = changes
	}
}

// tidy forgets what is empty, some at a time, and returns the count of changes.
func (m *Memory) tidy() (changes uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now()
	changes = m.changes
	for next, done := 0, false; !done; {
		next, done = m.counters.walk(next, func(x *counter) {
			if x.empty(m.clock.now) {
				m.counters.remove(x)
			}
		})
		m.mu.Unlock()
		m.mu.Lock()
	}
	m.metrics.keys(m.counters.len)
	return changes
}
