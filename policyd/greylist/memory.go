package greylist

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// MemoryOptions of a [Memory]. The zero value is good.
type MemoryOptions struct {
	Rows    int              // held at most: 1,000,000, about 250 bytes each
	Now     func() time.Time // nil: time.Now
	Metrics *Metrics         // nil counts nothing
	Log     *slog.Logger     // nil: discarded
}

// Memory is a [Store] in the memory of this process. When it is full, triplets
// that wait go first, the oldest of them first, as long as they are more than a
// quarter of all rows; then what passed longest ago.
type Memory struct {
	options MemoryOptions

	mu      sync.Mutex
	rows    map[key]*row
	waiting list // by first attempt
	kept    list // by last pass: triplets that passed, and groups
	changed bool // since it was last written
}

// NewMemory makes an empty store.
func NewMemory(o MemoryOptions) *Memory {
	if o.Rows <= 0 {
		o.Rows = 1_000_000
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Memory{options: o, rows: map[key]*row{}}
}

// Len is how many rows there are.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.rows)
}

func (m *Memory) unlock() {
	m.options.Metrics.setRows(m.waiting.length, m.kept.length)
	m.mu.Unlock()
}

// Judge implements [Store]. It does not fail.
func (m *Memory) Judge(_ context.Context, v Visit, t Terms, peek bool) (Standing, error) {
	now := m.options.Now().UnixNano()
	m.mu.Lock()
	defer m.unlock()
	s := m.trust(v, t, now)
	if s.Trusted != "" || v.Owner == "" {
		return s, nil
	}
	r := m.alive(v.triplet(), now)
	if r == nil {
		s.Wait = t.Delay
		if !peek {
			r = m.add(v.triplet(), now)
			r.first, r.dies, r.message = now, now+int64(t.RetryWindow), v.Message
			m.waiting.put(r)
		}
		return s, nil
	}
	r.judge(&s, v.Message, t, now, peek)
	return s, nil
}

// trust looks at the groups of a visit.
func (m *Memory) trust(v Visit, t Terms, now int64) (s Standing) {
	for i, g := range v.Trust {
		if g == "" {
			continue
		}
		r := m.alive(key{group: g}, now)
		if r == nil {
			continue
		}
		s.Passes[i] = r.count
		if t.AutoPass > 0 && r.count >= t.AutoPass && s.Trusted == "" {
			s.Trusted, s.Renew = r.group, now-r.last >= int64(t.renewal())
		}
	}
	return s
}

// judge says how long an attempt has to wait. A triplet from the future was
// written before the clock was set back: it begins anew.
func (r *row) judge(s *Standing, message uint64, t Terms, now int64, peek bool) {
	first := min(r.first, now)
	s.First, s.Known = time.Unix(0, first), !r.waiting()
	if s.Known {
		return
	}
	s.Wait = max(t.Delay-time.Duration(now-first), 0)
	if s.Wait == 0 && message != 0 && message == r.message {
		s.Wait = time.Second
	}
	if peek {
		return
	}
	if first != r.first {
		r.first, r.dies = first, first+int64(t.RetryWindow)
	}
	if s.Wait > 0 {
		r.message = message
	}
}

// Pass implements [Store]. It does not fail.
func (m *Memory) Pass(_ context.Context, v Visit, t Terms) (waited bool, err error) {
	now := m.options.Now().UnixNano()
	m.mu.Lock()
	defer m.unlock()
	for _, g := range v.Trust {
		if g != "" && t.AutoPass > 0 {
			m.count(g, v.Message, t, now)
		}
	}
	if v.Owner == "" {
		return false, nil
	}
	return m.pass(v.triplet(), v.Message, t, now), nil
}

// pass notes a message of a triplet.
func (m *Memory) pass(k key, message uint64, t Terms, now int64) (waited bool) {
	r := m.alive(k, now)
	waited = r != nil && r.waiting()
	repeated := r != nil && !waited && message != 0 && message == r.message
	r = m.keep(k, now)
	if !repeated {
		r.count++
	}
	r.message = message
	r.last, r.dies = now, now+int64(t.PassLifetime)
	return waited
}

// count notes a message of a group. The messages themselves are of no interest
// once it is trusted.
func (m *Memory) count(g Group, message uint64, t Terms, now int64) {
	r := m.keep(key{group: g}, now)
	r.last, r.dies = now, now+int64(t.AutoPassLifetime)
	if r.count < t.AutoPass && (message == 0 || !slices.Contains(r.counted, message)) {
		r.count++
		if message != 0 {
			r.counted = append(r.counted, message)
		}
	}
	if r.count >= t.AutoPass {
		r.counted = nil
	}
}

// keep is the row of k, new if need be, at the end of those that are kept.
func (m *Memory) keep(k key, now int64) *row {
	m.changed = true
	r := m.alive(k, now)
	if r == nil {
		r = m.add(k, now)
		r.first = now
	} else {
		m.list(r).remove(r)
	}
	m.kept.put(r)
	return r
}

// alive is the row of k, nil if it has none or its time is over.
func (m *Memory) alive(k key, now int64) *row {
	r := m.rows[k]
	if r == nil || r.dies > now {
		return r
	}
	m.drop(r)
	return nil
}

// add makes a row, which is in no list yet. The text of a request does not
// outlive it, so the key is copied.
func (m *Memory) add(k key, now int64) *row {
	m.makeRoom(now)
	m.changed = true
	r := &row{key: key{Group(strings.Clone(string(k.group))), strings.Clone(k.sender), strings.Clone(k.owner)}}
	m.rows[r.key] = r
	return r
}

func (m *Memory) drop(r *row) {
	m.list(r).remove(r)
	delete(m.rows, r.key)
}

// list is where r is. A group is kept from the beginning, and so is what
// passed.
func (m *Memory) list(r *row) *list {
	if r.waiting() && r.owner != "" {
		return &m.waiting
	}
	return &m.kept
}

// makeRoom drops what is dead at the front of the lists, and a living row if
// there is no room otherwise.
func (m *Memory) makeRoom(now int64) {
	for range 2 { // two for the one that comes, so the dead get fewer
		for _, l := range []*list{&m.waiting, &m.kept} {
			if l.first != nil && l.first.dies <= now {
				m.drop(l.first)
			}
		}
	}
	if len(m.rows) < m.options.Rows {
		return
	}
	l, kind := &m.kept, kindKept
	if m.kept.first == nil || m.waiting.length > m.options.Rows/4 {
		l, kind = &m.waiting, kindWaiting
	}
	m.drop(l.first)
	m.options.Metrics.countEvicted(kind)
}
