package counter

import "time"

// judge decides about one debit and, if it fits, has the call count it. uses
// are the slots of its windows.
func (c *call) judge(d *Debit, names []payID, uses []int, p *payments) Outcome {
	cost := c.cost(d, names, p)
	o := Outcome{Fits: true, Cost: cost}
	for i, w := range d.Windows {
		s := &c.slots[uses[i]]
		s.n = w.N
		if l := s.level.after(w, c.now-s.at); cost > l.room(w.N) && cost > 0 {
			o.refuse(i, w, l, cost)
		}
	}
	if !o.Fits {
		return o
	}
	if cost > 0 && !c.reserve(uses) {
		o.Full = true
		return o
	}
	for i, w := range d.Windows {
		s := &c.slots[uses[i]]
		l := s.level.after(w, c.now-s.at)
		l.units += cost
		if cost > 0 {
			s.level, s.at, s.charged = l, c.now, true
		}
		o.fit(i, w, l)
	}
	c.remember(d, names, p, cost)
	return o
}

// cost is what the debit owes, after what was paid before.
func (c *call) cost(d *Debit, names []payID, p *payments) int64 {
	switch {
	case d.Unit != "" && d.Message == "":
		return 1
	case d.Unit != "":
		return 1 - c.pay(p, names[1]).paid
	case d.Message == "":
		return max(d.Total, 0)
	}
	return max(d.Total-c.pay(p, names[0]).paid, 0)
}

// remember has the call note a payment. What costs nothing is noted too: it was
// asked about, so it stays for another while.
func (c *call) remember(d *Debit, names []payID, p *payments, cost int64) {
	if d.Message == "" {
		return
	}
	if d.Unit != "" {
		c.pay(p, names[1]).paid = 1
	}
	c.pay(p, names[0]).paid += cost
}

// reserve takes room for the counters that the slots do not have yet.
func (c *call) reserve(uses []int) bool {
	missing := 0
	for _, u := range uses {
		if s := &c.slots[u]; s.counter == nil && !s.charged {
			missing++
		}
	}
	if missing > c.room {
		return false
	}
	c.room -= missing
	return true
}

// refuse reports that a window has no room, if none before had less.
func (o *Outcome) refuse(i int, w Window, l level, cost int64) {
	never := cost > w.N
	var retry time.Duration
	if !never {
		retry = l.wait(w, w.N-cost)
	}
	if !o.Fits && (o.Never || !never && retry <= o.Retry) {
		return
	}
	o.Fits, o.Never, o.Window, o.Retry = false, never, i, retry
	o.Remaining, o.Refill = l.room(w.N), l.wait(w, 0)
}

// fit reports a window with room, if none before had less.
func (o *Outcome) fit(i int, w Window, l level) {
	if remaining := l.room(w.N); i == 0 || remaining < o.Remaining {
		o.Window, o.Remaining, o.Refill = i, remaining, l.wait(w, 0)
	}
}

// commit makes the store as the call would leave it.
func (c *call) commit(debits []Debit, counters *counters, p *payments) {
	for i := range c.slots { // before any is made, so that none of these goes for it
		if s := &c.slots[i]; s.counter != nil && s.charged {
			counters.charge(s.counter, s.level, s.n, c.now)
		}
	}
	for i := range c.slots {
		if s := &c.slots[i]; s.counter == nil && s.charged {
			d := &debits[s.debit]
			counters.charge(counters.add(d.Rule, d.Key, d.Windows[s.window].Per), s.level, s.n, c.now)
		}
	}
	for _, paid := range c.pays {
		if paid.paid > 0 {
			p.set(paid.id, paid.paid, c.now)
		}
	}
}

// note tells the counters which N holds now, where nothing was charged.
func (c *call) note(counters *counters, all bool) {
	for i := range c.slots {
		if s := &c.slots[i]; s.counter != nil && (all || !s.charged) {
			counters.limit(s.counter, s.n, c.now)
		}
	}
}
