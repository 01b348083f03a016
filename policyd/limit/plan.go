package limit

import (
	"context"
	"sync"

	"postern/internal/lookup"
	"postern/policyd"
	"postern/policyd/counter"
)

// The states of the protocol in which something is counted.
const (
	stateRcpt = "RCPT"
	stateData = "DATA" // of BDAT too
	stateEOM  = "END-OF-MESSAGE"
)

// plan is what one request is charged, and what went wrong on the way.
type plan struct {
	debits   []counter.Debit
	outcomes []counter.Outcome
	rules    []*rule // rules[i] made debits[i]
	windows  []counter.Window
	first    []string // values of the first key of the rule at hand
	second   []string

	troubled *rule // the strictest of the rules in trouble
	err      error
}

var plans = sync.Pool{New: func() any { return new(plan) }}

func newPlan() *plan { return plans.Get().(*plan) }

// release forgets the request, whose memory is used again.
func (p *plan) release() {
	clear(p.debits)
	clear(p.rules)
	clear(p.first[:cap(p.first)])
	clear(p.second[:cap(p.second)])
	*p = plan{
		debits: p.debits[:0], outcomes: p.outcomes[:0], rules: p.rules[:0], windows: p.windows[:0],
		first: p.first[:0], second: p.second[:0],
	}
	plans.Put(p)
}

// room is where the store puts the outcomes.
func (p *plan) room() []counter.Outcome {
	if cap(p.outcomes) < len(p.debits) {
		p.outcomes = make([]counter.Outcome, len(p.debits))
	}
	p.outcomes = p.outcomes[:len(p.debits)]
	clear(p.outcomes)
	return p.outcomes
}

// owed is what the request costs under the rule, without its key; counts is
// false where nothing is to be counted.
func (r *rule) owed(q *policyd.Request) (d counter.Debit, counts bool) {
	if q.Instance == "" && !q.Peek || !r.Scope.Covers(q) || r.Recipients != AnyRecipients && q.State != stateRcpt {
		return d, false
	}
	switch q.State {
	case stateRcpt:
		d.Total = 1
		if r.Count == Recipients {
			d.Unit = q.Recipient
		}
		return d, r.Count != Bytes
	case stateData, "BDAT", stateEOM:
		switch r.Count {
		case Messages:
			d.Total = 1
		case Recipients:
			d.Total = q.RecipientCount
		case Bytes:
			if q.State == stateEOM {
				d.Total = q.Size
			}
		}
	}
	return d, d.Total > 0
}

// fill adds the debits of all rules. A rule in trouble adds none.
func (c *Check) fill(ctx context.Context, p *plan, q *policyd.Request) {
	message := ""
	c.noteRules(q)
	for _, r := range c.rules {
		d, counts := r.owed(q)
		if !counts {
			r.noteUncounted(q)
			continue
		}
		if r.exempt.request(q) {
			r.note(q, "the client or login is exempt")
			continue
		}
		if message == "" {
			message = c.message(q)
		}
		d.Rule, d.Message, d.Soft, d.Unit = r.Name, message, r.soft, lookup.Fold(d.Unit)
		if err := c.add(ctx, p, q, r, d); err != nil {
			c.fail(p, q, r, resultTrouble, err)
		}
	}
}

// message names the message among all hosts, or is empty where it has no name:
// somebody only wants to know.
func (c *Check) message(q *policyd.Request) string {
	if q.Instance == "" {
		return ""
	}
	return c.host + "/" + q.Get("server_address") + ":" + q.Get("server_port") + "/" + q.Instance
}

// add adds one debit for each value of the rule's key.
func (c *Check) add(ctx context.Context, p *plan, q *policyd.Request, r *rule, d counter.Debit) (err error) {
	if p.first, err = c.appendValues(ctx, p.first[:0], q, r, r.Keys[0]); err != nil {
		return err
	}
	p.second = append(p.second[:0], "")
	if len(r.Keys) == 2 && len(p.first) > 0 {
		if p.second, err = c.appendValues(ctx, p.second[:0], q, r, r.Keys[1]); err != nil {
			return err
		}
	}
	if len(p.first) == 0 || len(p.second) == 0 {
		r.note(q, "its key is empty, so nothing is counted")
		return nil
	}
	if asked, err := c.recipient(ctx, q, r); !asked || err != nil {
		return err
	}
	for _, first := range p.first {
		for _, second := range p.second {
			c.debit(ctx, p, q, r, d, first, second)
		}
	}
	return nil
}

// recipient reports whether the rule counts the request's recipient.
func (c *Check) recipient(ctx context.Context, q *policyd.Request, r *rule) (bool, error) {
	if r.Recipients == AnyRecipients {
		return true, nil
	}
	if q.Recipient == "" {
		return false, nil
	}
	hosted, known, err := c.known(ctx, q.Recipient)
	counts := hosted && known == (r.Recipients == KnownRecipients)
	if err == nil && !counts {
		r.note(q, "the recipient is not one of those that it counts")
	}
	return counts, err
}

// debit adds one, unless the values are exempt or have no limit.
func (c *Check) debit(ctx context.Context, p *plan, q *policyd.Request, r *rule, d counter.Debit, first, second string) {
	if r.exempt.value(first) || r.exempt.value(second) {
		r.note(q, "the value of its key is exempt")
		return
	}
	windows, limited := c.windows(ctx, p, q, r, first)
	if !limited {
		r.note(q, "the value of its key has no limit")
		return
	}
	d.Key, d.Windows = first, windows
	if second != "" {
		d.Key = first + pairSeparator + second
	}
	p.debits = append(p.debits, d)
	p.rules = append(p.rules, r)
}
