package greylist

import (
	"log/slog"
	"sync/atomic"
	"time"
)

// calm is how long a store has to be without an error until that is over. A
// server that reads and does not write fails at every other question.
const calm = time.Minute

// trouble counts failures of the store, and logs when they begin and end.
type trouble struct {
	log     *slog.Logger
	metrics *Metrics
	now     func() time.Time
	last    atomic.Int64 // error, in Unix nanoseconds; 0: none, or over
}

// note takes the outcome of a question and reports whether it failed.
func (t *trouble) note(err error) bool {
	last := t.last.Load()
	if err != nil {
		t.metrics.countError()
		if t.last.Swap(t.now().UnixNano()) == 0 {
			t.log.Warn("greylist: the store is in trouble, so mail passes greylisting", "error", err)
		}
		return true
	}
	if last != 0 && t.now().Sub(time.Unix(0, last)).Abs() >= calm && t.last.CompareAndSwap(last, 0) {
		t.log.Info("greylist: the store answers again")
	}
	return false
}
