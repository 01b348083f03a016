package table

import "time"

// begin starts a load: it is compared with base, and whatever was asked of the
// database after ticket is newer than what it reads.
func (t *Table) begin() (base *snapshot, ticket uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.loading = true // nothing is folded meanwhile: the overlay has to tell its tickets
	return t.state.Load(), t.tickets.Add(1)
}

// end ends a load, activated or not.
func (t *Table) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.loading = false
}

// activate swaps in a loaded content. What the database said of single keys
// since the load began stays in front of it.
func (t *Table) activate(content *snapshot, ticket uint64, at time.Time) (changed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	held := t.state.Load()
	newer := map[string]patch{}
	for i := range held.shards {
		for key, p := range held.shards[i].over {
			if p.ticket > ticket {
				newer[key] = p
			}
		}
	}
	next, _ := content.with(newer)
	changed = !held.loaded || next.rows != held.rows || next.sum != held.sum
	next.generation = held.generation
	if changed {
		next.generation++
	}
	t.state.Store(next)
	t.perKey.Store(nil)
	t.verify(at)
	return changed
}

// restore puts a disk copy in place, if nothing better is there.
func (t *Table) restore(content *snapshot, current time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	held := t.state.Load()
	if held.loaded {
		return
	}
	content.generation = max(content.generation, held.generation+1)
	t.state.Store(content)
	t.verify(current)
}

// release gives the content up: the table is asked per key through f.
func (t *Table) release(f *face) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.perKey.Store(f)
	t.state.Store(&snapshot{generation: t.state.Load().generation})
}

// put lets keys have the rows that the database says they have.
func (t *Table) put(patches map[string]patch) (changed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.perKey.Load() != nil {
		return false
	}
	next, changed := t.state.Load().with(patches)
	if !t.loading {
		next = next.folded(t.seed, t.tickets.Load())
	}
	t.state.Store(next)
	return changed
}

// verify notes that the content was the database's at that time.
func (t *Table) verify(at time.Time) {
	for {
		held := t.current.Load()
		if held != nil && !at.After(*held) || t.current.CompareAndSwap(held, &at) {
			return
		}
	}
}
