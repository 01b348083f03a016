package greylist

import (
	"fmt"
	"time"

	"postern/policyd"
)

// explain tells of a triplet.
func (c *Check) explain(q *policyd.Request, v Visit, s Standing) {
	if !q.Explaining() {
		return
	}
	q.Notef("triplet: group %s, sender domain %q, recipient %s", v.Group, v.Sender, v.Owner)
	for i, g := range v.Trust {
		switch {
		case g == "":
		case c.terms.AutoPass == 0:
			q.Notef("group %s: auto_pass is off, nobody is trusted", g)
		default:
			q.Notef("group %s: %d messages passed, trusted at %d", g, s.Passes[i], c.terms.AutoPass)
		}
	}
	switch {
	case s.Known:
		q.Notef("first seen %s, and passed since", stamp(s.First))
	case s.First.IsZero():
		q.Notef("not seen before: may pass in %v", whole(s.Wait))
	default:
		q.Notef("first seen %s, may pass from %s, in %v", stamp(s.First), stamp(s.First.Add(c.terms.Delay)), whole(s.Wait))
	}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// whole is a time to wait in whole seconds, rounded up.
func whole(d time.Duration) time.Duration { return (d + time.Second - 1).Truncate(time.Second) }

// spoken is a time to wait, rounded up: in seconds, or in minutes if it is long.
func spoken(d time.Duration) string {
	unit, name := time.Second, "second"
	if d > 2*time.Minute {
		unit, name = time.Minute, "minute"
	}
	n := (d + unit - 1) / unit
	if n == 1 {
		return "1 " + name
	}
	return fmt.Sprintf("%d %ss", n, name)
}
