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
