package watch

import "time"

// rest waits until names have been at rest for quiet, but no longer than atMost
// after the first disturbance.
type rest struct {
	quiet, atMost time.Duration
	timer         *time.Timer
	first         time.Time // of the disturbances since the last rest; zero if none
}

func newRest(quiet, atMost time.Duration) *rest {
	r := &rest{quiet: quiet, atMost: atMost, timer: time.NewTimer(time.Hour)}
	r.timer.Stop()
	return r
}

// disturb puts the rest off.
func (r *rest) disturb(now time.Time) {
	if r.first.IsZero() {
		r.first = now
	}
	r.timer.Reset(min(r.quiet, r.first.Add(r.atMost).Sub(now)))
}

// over is for when the timer has fired.
func (r *rest) over() { r.first = time.Time{} }
