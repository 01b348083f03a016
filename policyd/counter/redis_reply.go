package counter

import (
	"errors"
	"math"
	"strconv"
	"time"
)

// chargeReply reads what redis_charge.lua returns, number by number.
type chargeReply struct {
	rest []any
	bad  bool
}

func (r *chargeReply) number() float64 {
	if len(r.rest) == 0 {
		r.bad = true
		return 0
	}
	text, ok := r.rest[0].(string)
	r.rest = r.rest[1:]
	n, err := strconv.ParseFloat(text, 64)
	if !ok || err != nil || math.IsNaN(n) || n < 0 {
		r.bad = true
	}
	return n
}

// readOutcomes changes outcomes only if all of the reply is well formed.
func readOutcomes(reply any, debits []Debit, outcomes []Outcome) error {
	list, _ := reply.([]any)
	r := chargeReply{rest: list}
	r.number() // whether it was charged: follows from the outcomes
	read := make([]Outcome, len(debits))
	for i, d := range debits {
		read[i] = r.outcome(d.Windows)
	}
	if r.bad || len(r.rest) > 0 {
		return errors.New("the reply of the script is malformed: is another program using the keys " + namesPrefix + "*?")
	}
	copy(outcomes, read)
	return nil
}

func (r *chargeReply) outcome(windows []Window) Outcome {
	o := Outcome{Cost: int64(r.number()), Fits: r.number() == 1}
	var longest time.Duration
	for i, w := range windows {
		v := viewed(w, r.number(), o)
		if o.Fits {
			if i == 0 || v.Remaining < o.Remaining {
				o.Window, o.Remaining, o.Refill = i, v.Remaining, v.Refill
			}
			continue
		}
		if i == 0 || !o.Never && (v.Never || v.Retry > longest) {
			o.Window, o.Remaining, o.Refill, o.Never, longest = i, v.Remaining, v.Refill, v.Never, v.Retry
		}
	}
	if !o.Fits && !o.Never {
		o.Retry = longest
	}
	return o
}

// viewed is the outcome as one window sees it. Level is in units times
// microseconds of the window, before the charge.
func viewed(w Window, level float64, o Outcome) Outcome {
	n, per := float64(w.N), float64(microseconds(w.Per))
	full, cost := float64(n*per), float64(float64(o.Cost)*per)
	v := Outcome{Never: o.Cost > w.N}
	if over := level + cost - full; over > 0 && !v.Never && n > 0 {
		v.Retry = draining(over/n, w)
	}
	if o.Fits {
		level += cost
	}
	v.Remaining = int64(max(0, math.Floor((full-level)/per)))
	if n > 0 {
		v.Refill = draining(min(level, full)/n, w)
	}
	return v
}

func draining(us float64, w Window) time.Duration {
	return time.Duration(math.Ceil(us)) * time.Microsecond
}
