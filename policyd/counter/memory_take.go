package counter

// Level is what a counter holds.
type Level struct {
	Rule, Key string
	Window    Window // N as last asked
	Units     int64  // now, rounded up
}

// Take removes up to most counters that are not empty and returns what they
// hold; nothing is left when it returns none. What messages paid stays
// remembered. So a Memory that stood in for another store hands over what it
// charged, without what has drained since.
func (m *Memory) Take(most int) []Level {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	var taken []Level
	for len(taken) < most && m.counters.len > 0 {
		x := m.counters.any()
		if units := x.now(now).up(); units > 0 {
			taken = append(taken, Level{x.kind.rule, x.key, x.window(), units})
		}
		m.counters.remove(x)
		m.changes++
	}
	m.metrics.keys(m.counters.len)
	return taken
}

// Put adds levels to the counters, as far as there is room for them: what
// Take took and nobody else wanted.
func (m *Memory) Put(levels []Level) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	for _, l := range levels {
		x := m.counters.find(l.Rule, l.Key, l.Window.Per)
		if x == nil && m.counters.room(now, 1) > 0 {
			x = m.counters.add(l.Rule, l.Key, l.Window.Per)
		}
		if x == nil {
			continue
		}
		x.n = max(x.n, l.Window.N)
		sum := x.now(now)
		sum.units += min(l.Units, x.n-sum.units)
		if sum.units >= x.n {
			sum.frac = 0
		}
		m.counters.charge(x, sum, x.n, now)
		m.changes++
	}
	m.metrics.keys(m.counters.len)
}
