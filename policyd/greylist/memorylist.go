package greylist

import (
	"context"
	"time"
)

var (
	_ Lister   = (*Memory)(nil)
	_ Releaser = (*Memory)(nil)
)

// Entries implements [Lister]: what waits first, the newest before the older.
func (m *Memory) Entries(_ context.Context, limit int) ([]Entry, error) {
	now := m.options.Now().UnixNano()
	m.mu.Lock()
	defer m.mu.Unlock()
	var entries []Entry
	for _, l := range []*list{&m.waiting, &m.kept} {
		for r := l.last; r != nil && len(entries) < limit; r = r.previous {
			if r.dies > now {
				entries = append(entries, r.entry())
			}
		}
	}
	return entries, nil
}

func (r *row) entry() Entry {
	e := Entry{
		Group: string(r.group), Sender: r.sender, Recipient: r.owner,
		FirstSeen: time.Unix(0, r.first), Expires: time.Unix(0, r.dies), Passed: !r.waiting(), Count: r.count,
	}
	if e.Passed {
		e.LastPass = time.Unix(0, r.last)
	}
	return e
}

// Release implements [Releaser].
func (m *Memory) Release(_ context.Context, sender, owner string, t Terms) (n int, _ error) {
	now := m.options.Now().UnixNano()
	m.mu.Lock()
	defer m.unlock()
	for r := m.waiting.first; r != nil; {
		next := r.next // r leaves the list
		if r.sender == sender && r.owner == owner && r.dies > now {
			m.pass(r.key, 0, t, now)
			n++
		}
		r = next
	}
	return n, nil
}

// Trust implements [Releaser].
func (m *Memory) Trust(_ context.Context, g Group, t Terms) error {
	now := m.options.Now().UnixNano()
	m.mu.Lock()
	defer m.unlock()
	r := m.keep(key{group: g}, now)
	r.last, r.dies = now, now+int64(t.AutoPassLifetime)
	r.count, r.counted = max(r.count, t.AutoPass), nil
	return nil
}
