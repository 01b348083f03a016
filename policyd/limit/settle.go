package limit

import (
	"errors"
	"time"

	"postern/policyd"
	"postern/policyd/counter"
)

var errFull = errors.New("the store has no room for another counter")

// settlement makes one verdict of the outcomes.
type settlement struct {
	q     *policyd.Request
	hard  int           // index of the first debit that refuses, or -1
	soft  int           // of the one that holds or marks the mail, or -1
	wait  time.Duration // until no hard limit refuses
	stray []policyd.Verdict
}

// settle turns the outcomes into a verdict: the first rule that refuses
// decides, then one that holds, then one that marks.
func (c *Check) settle(p *plan, q *policyd.Request) (policyd.Verdict, error) {
	s := settlement{q: q, hard: -1, soft: -1}
	for i := range p.debits {
		r, d, o := p.rules[i], &p.debits[i], &p.outcomes[i]
		r.explain(q, d, o)
		if o.Full {
			c.full(p, q, r)
			continue
		}
		if !q.Peek {
			r.metrics.charged(resultOf(d, o))
		}
		if !o.Fits {
			s.over(p, i)
		}
	}
	v, err := s.verdict(p), error(nil)
	if v.Action.IsDunno() && p.failed() {
		v, err = c.trouble(p)
	}
	v.Shadow = s.stray
	return v, err
}

// full treats a counter that found no room as trouble of its rule, but where
// the rule does not say how it fails the mail passes: the memory is full of
// keys that are over their limits, and silence would stop all other mail.
func (c *Check) full(p *plan, q *policyd.Request, r *rule) {
	if r.Fail != policyd.FailClose {
		c.fail(p, q, r, resultFull, errFull)
		return
	}
	c.unjudged(q, r, resultFull, errFull)
}

// over takes one debit that does not fit.
func (s *settlement) over(p *plan, i int) {
	r := p.rules[i]
	switch {
	case r.shadow || r.Action == Prepend && s.q.State == stateEOM: // Postfix takes no PREPEND there
		s.shadow(p, i)
	case !r.soft:
		if s.hard < 0 {
			s.hard = i
		}
		if !p.outcomes[i].Never {
			s.wait = max(s.wait, p.outcomes[i].Retry)
		}
	case s.soft < 0 || r.Action == Hold && p.rules[s.soft].Action == Prepend:
		s.soft = i
	}
}

// shadow adds a verdict that does not act, one for each rule.
func (s *settlement) shadow(p *plan, i int) {
	r := p.rules[i]
	for _, v := range s.stray {
		if v.Rule == r.Name {
			return
		}
	}
	s.stray = append(s.stray, r.verdict(s.q, &p.debits[i], &p.outcomes[i], p.outcomes[i].Retry))
}

func (s *settlement) verdict(p *plan) policyd.Verdict {
	i, wait := s.hard, s.wait
	if i < 0 {
		i = s.soft
	}
	if i < 0 {
		return p.passed()
	}
	if i == s.soft {
		wait = p.outcomes[i].Retry
	}
	return p.rules[i].verdict(s.q, &p.debits[i], &p.outcomes[i], wait)
}

// verdict is what the rule does with mail that is over its limit.
func (r *rule) verdict(q *policyd.Request, d *counter.Debit, o *counter.Outcome, wait time.Duration) policyd.Verdict {
	w := refusing(d, o)
	reached := r.reached(w)
	later := either(r.Text, reached)
	if !o.Never {
		later += laterText(wait)
	}
	v := policyd.Verdict{Rule: r.Name, Reason: r.reason(reached, o)}
	switch {
	case r.Action == Hold:
		v.Action = policyd.Hold(later)
	case r.Action == Discard:
		v.Action = policyd.Discard(later)
	case r.Action == Prepend:
		v.Action = policyd.Prepend(either(r.Text, "X-Postern-Limit: "+r.Name))
	case o.Never:
		v.Action = r.never(q, w, o)
	case r.Action == Reject:
		v.Action = policyd.Refuse(554, "5.7.1", later)
	default:
		v.Action = policyd.Refuse(450, "4.7.1", later)
	}
	return v
}

// refusing is the window that refuses. What never fits is above one of them.
func refusing(d *counter.Debit, o *counter.Outcome) counter.Window {
	if o.Never {
		for _, w := range d.Windows {
			if o.Cost > w.N {
				return w
			}
		}
	}
	return d.Windows[min(max(o.Window, 0), len(d.Windows)-1)]
}

// never refuses what is above the whole limit. A user is told so for good:
// waiting does not help. Of a stranger's mail our limit must not make a
// bounce, so the sending host is asked to split it, or to send less.
func (r *rule) never(q *policyd.Request, w counter.Window, o *counter.Outcome) policyd.Action {
	text := either(r.Text, r.tooMuch(w, o))
	user := !q.Inbound()
	switch {
	case r.Count == Bytes && user:
		return policyd.Refuse(552, "5.3.4", text)
	case r.Count == Bytes:
		return policyd.Refuse(452, "4.3.1", text)
	case user || o.Cost <= 1 && r.Action == Reject:
		return policyd.Refuse(554, "5.7.1", text)
	case o.Cost <= 1:
		return policyd.Refuse(450, "4.7.1", text)
	}
	return policyd.Refuse(452, "4.5.3", text)
}
