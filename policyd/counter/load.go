package counter

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"slices"

	"postern/internal/statefile"
)

// Open makes a store with the state of a file. Whatever is wrong with the file
// is logged, and the counters begin at zero: mail goes on.
func Open(path string, o MemoryOptions) *Memory {
	m := NewMemory(o)
	err := m.Load(path)
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist):
		m.log.Debug("counters of the rate limits", slog.String("path", path), slog.Int("counters", m.Len()))
	case errors.Is(err, statefile.ErrNewer):
		m.log.Warn("the counters of the rate limits begin at zero: a newer release wrote the file", "error", err)
	default:
		m.log.Warn("the counters of the rate limits begin at zero", "error", err)
	}
	return m
}

// Load reads the state into an empty store. A file that is not there is
// fs.ErrNotExist; see statefile.Format.Read for the other errors. After an error
// the store is empty.
func (m *Memory) Load(path string) error { return m.load(path, stateFormat.Read) }

// Peek is Load for who does not own the file: it stays as it is.
func (m *Memory) Peek(path string) error { return m.load(path, stateFormat.Peek) }

func (m *Memory) load(path string, reader func(string, func(int, io.Reader) error) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := reader(path, m.read)
	if err != nil {
		m.counters.clear()
		m.paid.clear()
		err = fmt.Errorf("counters: %w", err)
	}
	m.metrics.keys(m.counters.len)
	return err
}

func (m *Memory) read(_ int, body io.Reader) error {
	r := bufio.NewReaderSize(body, 64<<10)
	saved, err := binary.ReadVarint(r)
	if err != nil {
		return fmt.Errorf("time: %w", noEOF(err))
	}
	now := m.now()
	l := &loader{m: m, now: now, saved: now - away(saved, m.clock.wall)}
	var room [4096]byte
	for {
		what, record, err := readRecord(r, room[:])
		if err == io.EOF {
			m.counters.sortIdle()
			return nil
		}
		if err != nil {
			return err
		}
		if err := l.take(what, &fields{b: record}); err != nil {
			return err
		}
	}
}

// away is how long ago the file was saved. A clock that was ahead then says
// nothing.
func away(saved, wall int64) int64 {
	d := wall - saved
	if saved < 0 || d < 0 {
		return 0
	}
	return min(d, int64(longest))
}

type loader struct {
	m          *Memory
	now, saved int64 // on the store's clock
}

func (l *loader) take(what byte, r *fields) error {
	switch what {
	case counterRecord:
		var s savedCounter
		if err := s.parse(r); err != nil {
			return err
		}
		l.counter(&s)
	case paymentRecord:
		return l.payment(r)
	case sinceRecord:
		l.m.paid.since = l.instant(r.varint())
	}
	return nil
}

// instant is when something of that age was, and not in the future.
func (l *loader) instant(age int64) int64 {
	return min(l.saved-min(max(age, -int64(longest)), int64(longest)), l.now)
}

func (l *loader) counter(s *savedCounter) {
	c := l.m.counters
	at := l.instant(s.age)
	if l.now-at >= int64(s.window.Per) || c.find(s.rule, s.key, s.window.Per) != nil || c.room(l.now, 1) <= 0 {
		return
	}
	x := c.add(s.rule, s.key, s.window.Per)
	c.charge(x, s.level, s.window.N, at)
	c.limit(x, s.window.N, l.now)
}

func (l *loader) payment(r *fields) error {
	id := r.take(uint64(len(payID{})))
	paid := r.varint()
	generation := r.take(1)
	if r.bad {
		return errors.New("payment that makes no sense")
	}
	p := l.m.paid
	into := p.young
	if generation[0] != 0 {
		if p.old == nil {
			p.old = map[payID]int64{}
		}
		into = p.old
	}
	if len(into) < p.max {
		into[payID(id)] = paid
	}
	return nil
}

// sortIdle puts the idle counters into the order of their last charge.
func (c *counters) sortIdle() {
	idle := make([]*counter, 0, c.len-len(c.held))
	for x := c.idle.next; x != &c.idle; x = x.next {
		idle = append(idle, x)
	}
	slices.SortFunc(idle, func(a, b *counter) int { return cmp.Compare(a.at, b.at) })
	c.idle.next, c.idle.prev = &c.idle, &c.idle
	for _, x := range idle {
		c.pushIdle(x)
	}
}
