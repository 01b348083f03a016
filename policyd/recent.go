package policyd

import (
	"strings"
	"sync"
	"time"

	"postern/internal/status"
)

// recentKept is how many decisions a Recent remembers.
const recentKept = 100

// Recent remembers the last hundred decisions that were more than DUNNO, those
// in shadow included, for people who look. What most mail gets (Routine) is left
// out: it would push out the rest. Mail addresses are hidden when somebody looks,
// for that takes longer than to refuse a mail; those of clients are not hidden. A
// nil *Recent remembers nothing.
type Recent struct {
	now  func() time.Time
	hide func(field, text string) string

	mu   sync.Mutex
	ring []status.Decision
	next int
}

// NewRecent is an empty one. Hide is what becomes of the text of a field (sender,
// recipient, login, reason); now is nil for time.Now.
func NewRecent(hide func(field, text string) string, now func() time.Time) *Recent {
	if now == nil {
		now = time.Now
	}
	return &Recent{now: now, hide: hide, ring: make([]status.Decision, 0, recentKept)}
}

// List are the decisions, newest first.
func (r *Recent) List() []status.Decision {
	if r == nil {
		return nil
	}
	out := r.newestFirst()
	for i := range out {
		d := &out[i]
		d.Reason, d.Sender = r.hidden("reason", d.Reason), r.hidden("sender", d.Sender)
		d.Recipient, d.Login = r.hidden("recipient", d.Recipient), r.hidden("login", d.Login)
	}
	return out
}

// newestFirst are the decisions as they were kept.
func (r *Recent) newestFirst() []status.Decision {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]status.Decision, 0, len(r.ring))
	for i := range len(r.ring) {
		out = append(out, r.ring[(r.next-1-i+2*len(r.ring))%len(r.ring)])
	}
	return out
}

// add remembers a decision as the log tells it.
func (r *Recent) add(q *Request, d *Decision) {
	if r == nil {
		return
	}
	for _, s := range d.Shadows {
		r.verdict(q, d.ID, "shadow", s.Check, &s.Verdict)
	}
	if !d.Action.IsDunno() {
		v := Verdict{Action: d.Action, Rule: d.Rule, Reason: d.Reason, Routine: d.Routine}
		r.verdict(q, d.ID, "enforce", d.Check, &v)
	}
}

func (r *Recent) verdict(q *Request, id, mode, check string, v *Verdict) {
	if v.Routine {
		return
	}
	kept := status.Decision{
		At: r.now(), ID: id, Action: v.Action.Name(), Mode: mode, Check: check, Rule: v.Rule,
		Reason: strings.Clone(v.Reason), Client: short(q.ClientAddress),
		Sender: strings.Clone(q.Sender), Recipient: strings.Clone(q.Recipient),
		Login: strings.Clone(q.Login), QueueID: short(q.QueueID),
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ring) < cap(r.ring) {
		r.ring = append(r.ring, kept)
	} else {
		r.ring[r.next] = kept
	}
	r.next = (r.next + 1) % cap(r.ring)
}

// hidden is cut after it was hidden: of what is cut before, nobody could tell that
// it is an address.
func (r *Recent) hidden(field, text string) string { return short(r.hide(field, text)) }

// short is a copy of the beginning of s, not to hold the text of a request.
func short(s string) string { return strings.ToValidUTF8(strings.Clone(bounded(s)), "\uFFFD") }
