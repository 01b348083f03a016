package counter

import (
	"math/bits"
	"time"
)

// level is what a counter holds: units, and a fraction of one as frac/Per in
// nanoseconds, so 0 <= frac < Per.
type level struct{ units, frac int64 }

// after is the level when d has gone by under w, from a bucket that is at most
// full.
func (l level) after(w Window, d int64) level {
	if l.units >= w.N {
		l = level{w.N, 0}
	}
	if d <= 0 {
		return l
	}
	if d >= int64(w.Per) {
		return level{}
	}
	hi, lo := l.fractions(w.Per)
	drainedHi, drained := bits.Mul64(uint64(w.N), uint64(d))
	lo, borrow := bits.Sub64(lo, drained, 0)
	hi, borrow = bits.Sub64(hi, drainedHi, borrow)
	if borrow > 0 {
		return level{}
	}
	units, frac := bits.Div64(hi, lo, uint64(w.Per))
	return level{int64(units), int64(frac)}
}

// fractions is the level in units/per.
func (l level) fractions(per time.Duration) (hi, lo uint64) {
	hi, lo = bits.Mul64(uint64(l.units), uint64(per))
	lo, carry := bits.Add64(lo, uint64(l.frac), 0)
	return hi + carry, lo
}

// room is how many units fit. The level is at most n.
func (l level) room(n int64) int64 {
	if l.frac > 0 {
		return n - l.units - 1
	}
	return n - l.units
}

// wait is the time until the level is down at target units, rounded up. The
// level is at most w.N, so this is at most w.Per.
func (l level) wait(w Window, target int64) time.Duration {
	above := level{l.units - target, l.frac}
	if above.units < 0 || above == (level{}) {
		return 0
	}
	hi, lo := above.fractions(w.Per)
	d, rest := bits.Div64(hi, lo, uint64(w.N))
	if rest > 0 {
		d++
	}
	return time.Duration(d)
}

// up is the level in whole units, rounded up.
func (l level) up() int64 {
	if l.frac > 0 {
		return l.units + 1
	}
	return l.units
}
