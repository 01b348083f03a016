package greylist

import (
	"log/slog"
	"sync/atomic"
)

// trouble counts failures of the store, and logs when they begin and end.
type trouble struct {
	log     *slog.Logger
	metrics *Metrics
	now     atomic.Bool
}

// note takes the outcome of a question and reports whether it failed.
func (t *trouble) note(err error) bool {
	if err == nil {
		if t.now.Load() && t.now.CompareAndSwap(true, false) {
			t.log.Info("greylist: the store answers again")
		}
		return false
	}
	t.metrics.countError()
	if t.now.CompareAndSwap(false, true) {
		t.log.Warn("greylist: the store is in trouble, so all mail passes greylisting until it answers", "error", err)
	}
	return true
}
