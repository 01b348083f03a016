package watch

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestRest(t *testing.T) {
	for _, c := range []struct {
		name         string
		disturbances []time.Duration // after the first
		want         time.Duration
	}{
		{"once", nil, 200 * time.Millisecond},
		{"again", []time.Duration{100 * time.Millisecond}, 300 * time.Millisecond},
		{"without end", []time.Duration{150 * time.Millisecond, 300 * time.Millisecond, 450 * time.Millisecond, 550 * time.Millisecond, 700 * time.Millisecond, 850 * time.Millisecond}, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRest(200*time.Millisecond, time.Second)
				for range 2 { // the second time as the first
					began := time.Now()
					r.disturb(began)
					for _, at := range c.disturbances {
						time.Sleep(at - time.Since(began))
						r.disturb(time.Now())
					}
					<-r.timer.C
					r.over()
					if got := time.Since(began); got != c.want {
						t.Errorf("at rest after %v, want %v", got, c.want)
					}
				}
			})
		})
	}
}
