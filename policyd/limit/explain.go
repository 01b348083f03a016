package limit

import (
	"fmt"
	"strings"

	"postern/policyd"
	"postern/policyd/counter"
)

// pairSeparator stands between the values of a pair. No value has a line feed:
// the policy protocol ends its lines with it.
const pairSeparator = "\n"

// note tells what became of the rule, if somebody asks.
func (r *rule) note(q *policyd.Request, text string) {
	if q.Explaining() {
		q.Notef("rule %s: %s", r.Name, text)
	}
}

// noteRules tells of the rules that are off.
func (c *Check) noteRules(q *policyd.Request) {
	if !q.Explaining() {
		return
	}
	if len(c.rules)+len(c.off) == 0 {
		q.Notef("no rules")
	}
	for _, name := range c.off {
		q.Notef("rule %s: not asked: it is off", name)
	}
}

// noteUncounted tells why the rule counts nothing of the request.
func (r *rule) noteUncounted(q *policyd.Request) {
	if q.Explaining() {
		r.note(q, "not asked: "+r.uncounted(q))
	}
}

func (r *rule) uncounted(q *policyd.Request) string {
	switch {
	case !r.Scope.Covers(q):
		return "its listeners, states, contexts, clients or logins leave this request out"
	case r.Recipients != AnyRecipients && q.State != stateRcpt:
		return "known and unknown recipients are told apart at RCPT only"
	case r.Count == Bytes && q.State != stateEOM:
		return "bytes are counted at END-OF-MESSAGE"
	case r.Count == Bytes:
		return "size is 0"
	case q.State == stateData || q.State == stateEOM:
		return "recipient_count is 0"
	}
	return "nothing is counted at " + bounded(q.State)
}

// explain tells what the request costs, what is left and when it refills.
func (r *rule) explain(q *policyd.Request, d *counter.Debit, o *counter.Outcome) {
	if !q.Explaining() {
		return
	}
	key := fmt.Sprintf("%s %.200q", keyNames(r.Keys), strings.ReplaceAll(d.Key, pairSeparator, " + "))
	if r.shadow {
		key += " (shadow)"
	}
	r.note(q, key+": "+r.budget(refusing(d, o), o))
}

// budget tells an outcome.
func (r *rule) budget(w counter.Window, o *counter.Outcome) string {
	limit := r.quantity(w)
	switch {
	case o.Full:
		return "the store has no room for another counter"
	case o.Never:
		return fmt.Sprintf("costs %d, more than all of %s", o.Cost, limit)
	case o.Fits:
		return fmt.Sprintf("costs %d of %s, would leave %d, full again in %s", o.Cost, limit, o.Remaining, wholeUnits(o.Refill))
	}
	return fmt.Sprintf("over the limit: costs %d of %s, %d left, fits in %s, full again in %s",
		o.Cost, limit, o.Remaining, wholeUnits(o.Retry), wholeUnits(o.Refill))
}

// keyNames is the rule's key as it is configured.
func keyNames(keys []Key) string {
	if len(keys) == 2 {
		return keys[0].name + "+" + keys[1].name
	}
	return keys[0].name
}
