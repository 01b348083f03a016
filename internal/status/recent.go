package status

import (
	"strings"
	"sync"
	"time"
)

const (
	recentKept = 100 // decisions that a Recent remembers
	keptText   = 200 // bytes of each text of them
)

// Recent remembers the last hundred decisions, for people who look. Mail
// addresses are hidden when somebody looks, for that takes longer than to refuse
// a mail; those of clients are not hidden. A nil *Recent remembers nothing. All
// methods may be called at once.
type Recent struct {
	now  func() time.Time
	hide func(field, text string) string

	mu   sync.Mutex
	ring []Decision
	next int
}

// NewRecent is an empty one. Hide is what becomes of the text of a field (sender,
// recipient, login, reason); now is nil for time.Now.
func NewRecent(hide func(field, text string) string, now func() time.Time) *Recent {
	if now == nil {
		now = time.Now
	}
	return &Recent{now: now, hide: hide, ring: make([]Decision, 0, recentKept)}
}

// Add remembers a decision as one of now. It keeps copies of its texts.
func (r *Recent) Add(d Decision) {
	if r == nil {
		return
	}
	d.At = r.now()
	d.Reason, d.Sender = strings.Clone(d.Reason), strings.Clone(d.Sender)
	d.Recipient, d.Login = strings.Clone(d.Recipient), strings.Clone(d.Login)
	d.Client, d.QueueID = short(d.Client), short(d.QueueID)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ring) < cap(r.ring) {
		r.ring = append(r.ring, d)
	} else {
		r.ring[r.next] = d
	}
	r.next = (r.next + 1) % cap(r.ring)
}

// List are the decisions, newest first.
func (r *Recent) List() []Decision {
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
func (r *Recent) newestFirst() []Decision {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Decision, 0, len(r.ring))
	for i := range len(r.ring) {
		out = append(out, r.ring[(r.next-1-i+2*len(r.ring))%len(r.ring)])
	}
	return out
}

// hidden is cut after it was hidden: of what is cut before, nobody could tell that
// it is an address.
func (r *Recent) hidden(field, text string) string { return short(r.hide(field, text)) }

// short is a copy of the beginning of s, not to hold the text of a request.
func short(s string) string {
	return strings.ToValidUTF8(strings.Clone(s[:min(len(s), keptText)]), "\uFFFD")
}
