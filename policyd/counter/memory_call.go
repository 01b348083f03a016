package counter

import (
	"errors"
	"fmt"
	"slices"
)

// call is one Charge at work: what it would leave behind, if nothing refuses.
// It is used again, so that a call allocates nothing, and is empty between.
type call struct {
	slots []slot  // the counters of all debits, each once
	uses  []int   // the slot of each window of each debit
	pays  []pay   // payments that were looked at, each once
	names []payID // two for each debit with a Message: of all it paid, and of its Unit
	parts []byte  // what is hashed
	now   int64
	room  int // for new counters
}

// slot is a counter, as this call would leave it.
type slot struct {
	debit, window int      // who asked first; they have its name
	counter       *counter // nil: there is none yet
	level         level
	at            int64
	n             int64 // as last asked
	charged       bool
}

// pay is a payment, as this call would leave it.
type pay struct {
	id   payID
	paid int64
}

// prepare looks at the debits without a lock.
func (c *call) prepare(debits []Debit) error {
	c.slots, c.uses, c.pays, c.names = c.slots[:0], c.uses[:0], c.pays[:0], c.names[:0]
	for i := range debits {
		d := &debits[i]
		if err := d.validate(); err != nil {
			return fmt.Errorf("charge: rule %q: %w", d.Rule, err)
		}
		c.name(d)
		for w := range d.Windows {
			c.use(debits, i, w)
		}
	}
	return nil
}

func (d *Debit) validate() error {
	if d.Key == "" {
		return errors.New("the key is empty: an empty key must not match a rule")
	}
	for i, w := range d.Windows {
		if w.N < 0 || w.Per <= 0 {
			return fmt.Errorf("a window of %d within %v: N must not be negative, Per must be above 0", w.N, w.Per)
		}
		if slices.ContainsFunc(d.Windows[:i], func(v Window) bool { return v.Per == w.Per }) {
			return fmt.Errorf("two windows of %v: one must be dropped, they are one counter", w.Per)
		}
	}
	return nil
}

// name hashes the names of the payments.
func (c *call) name(d *Debit) {
	if d.Message == "" {
		c.names = append(c.names, payID{}, payID{})
		return
	}
	c.parts = appendPart(appendPart(appendPart(c.parts[:0], d.Rule), d.Key), d.Message)
	all, unit := hashed(c.parts), payID{}
	if d.Unit != "" {
		c.parts = appendPart(c.parts, d.Unit)
		unit = hashed(c.parts)
	}
	c.names = append(c.names, all, unit)
}

// use finds the slot for a window, or makes one.
func (c *call) use(debits []Debit, debit, window int) {
	d := &debits[debit]
	for i := range c.slots {
		s := &c.slots[i]
		other := &debits[s.debit]
		if other.Windows[s.window].Per == d.Windows[window].Per && other.Key == d.Key && other.Rule == d.Rule {
			c.uses = append(c.uses, i)
			return
		}
	}
	c.uses = append(c.uses, len(c.slots))
	c.slots = append(c.slots, slot{debit: debit, window: window})
}

// pay is what was paid under a name, by earlier debits of this call too. It is
// valid until the next call of pay.
func (c *call) pay(p *payments, id payID) *pay {
	for i := range c.pays {
		if c.pays[i].id == id {
			return &c.pays[i]
		}
	}
	c.pays = append(c.pays, pay{id, p.get(id)})
	return &c.pays[len(c.pays)-1]
}

// find reads the counters.
func (c *call) find(debits []Debit, counters *counters, now int64) {
	c.now = now
	c.room = counters.room(now, len(c.slots))
	for i := range c.slots {
		s := &c.slots[i]
		d := &debits[s.debit]
		s.counter = counters.find(d.Rule, d.Key, d.Windows[s.window].Per)
		if s.counter == nil {
			s.at = now
			continue
		}
		s.level, s.at = s.counter.level, s.counter.at
		if s.counter.isIdle() {
			c.room-- // it may be charged, and must not go for another
		}
	}
}

// forget drops what points into the store.
func (c *call) forget() { clear(c.slots) }
