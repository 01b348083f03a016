package limit

import (
	"context"
	"sync"
	"time"

	"postern/policyd/counter"
)

// ledger is a store without a clock: nothing ever refills. What it decides is
// plain to see, and the arguments of its calls are kept.
type ledger struct {
	mu    sync.Mutex
	spent map[string]int64 // by rule, key and period
	paid  map[string]int64 // by message, rule and key
	units map[string]bool
	full  map[string]bool // rules that find no room
	err   error
	calls int
	wait  time.Duration            // Retry of what is refused
	waits map[string]time.Duration // the same by rule
}

func newLedger() *ledger {
	return &ledger{spent: map[string]int64{}, paid: map[string]int64{}, units: map[string]bool{}, waits: map[string]time.Duration{}, full: map[string]bool{}, wait: 150 * time.Second}
}

func (l *ledger) Charge(_ context.Context, debits []counter.Debit, outcomes []counter.Outcome, peek bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	if l.err != nil {
		return l.err
	}
	refused := false
	for i := range debits {
		outcomes[i] = l.judge(&debits[i])
		refused = refused || !outcomes[i].Fits && !debits[i].Soft
	}
	for i := range debits {
		if !refused && !peek && outcomes[i].Fits && !outcomes[i].Full {
			l.charge(&debits[i], &outcomes[i])
		}
	}
	return nil
}

func name(d *counter.Debit) string { return d.Rule + "|" + d.Key }

func (l *ledger) judge(d *counter.Debit) counter.Outcome {
	o := counter.Outcome{Cost: l.cost(d), Fits: true}
	if l.full[d.Rule] {
		o.Full = true
		return o
	}
	for i, w := range d.Windows {
		left := w.N - l.spent[name(d)+"|"+w.Per.String()]
		o.Never = o.Never || o.Cost > w.N
		if o.Cost > 0 && o.Cost > left && o.Fits {
			o.Fits, o.Window, o.Remaining, o.Retry = false, i, left, either(l.waits[d.Rule], l.wait)
		}
		if o.Fits && (i == 0 || left-o.Cost < o.Remaining) {
			o.Window, o.Remaining = i, left-o.Cost
		}
	}
	o.Refill = time.Hour
	return o
}

func (l *ledger) cost(d *counter.Debit) int64 {
	switch {
	case d.Message != "" && d.Unit != "":
		if l.units[d.Message+name(d)+d.Unit] {
			return 0
		}
		return 1
	case d.Unit != "":
		return 1
	}
	return max(d.Total-l.paid[d.Message+name(d)], 0)
}

func (l *ledger) charge(d *counter.Debit, o *counter.Outcome) {
	for _, w := range d.Windows {
		l.spent[name(d)+"|"+w.Per.String()] += o.Cost
	}
	if d.Message == "" {
		return
	}
	l.paid[d.Message+name(d)] += o.Cost
	if d.Unit != "" {
		l.units[d.Message+name(d)+d.Unit] = true
	}
}

// of is what a rule's key has spent in its first window per hour.
func (l *ledger) of(rule, key string) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.spent[rule+"|"+key+"|"+time.Hour.String()]
}
