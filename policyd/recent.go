package policyd

import (
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"postern/internal/status"
)

// recentKept is how many decisions a Recent remembers.
const recentKept = 100

// Recent remembers the last hundred decisions that were more than DUNNO, those
// in shadow included, for people who look. What most mail gets (Routine) is left
// out: it would push out the rest. Mail addresses are masked before they are
// kept; those of clients are not. A nil *Recent remembers nothing.
type Recent struct {
	now func() time.Time

	mu   sync.Mutex
	ring []status.Decision
	next int
}

// NewRecent is an empty one; now is nil for time.Now.
func NewRecent(now func() time.Time) *Recent {
	if now == nil {
		now = time.Now
	}
	return &Recent{now: now, ring: make([]status.Decision, 0, recentKept)}
}

// List are the decisions, newest first.
func (r *Recent) List() []status.Decision {
	if r == nil {
		return nil
	}
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
		Reason: maskText(v.Reason), Client: short(q.ClientAddress),
		Sender: maskAddress(q.Sender), Recipient: maskAddress(q.Recipient),
		Login: maskLogin(q.Login), QueueID: short(q.QueueID),
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

// short is a copy of s: the text of a request is used again for the next one.
func short(s string) string { return strings.ToValidUTF8(strings.Clone(bounded(s)), "\uFFFD") }

// maskAddress leaves the first letter and the domain of one address:
// j***@example.org, and of one without a domain the first letter.
func maskAddress(address string) string {
	if address == "" {
		return ""
	}
	local, domain := address, ""
	if at := strings.LastIndexByte(address, '@'); at >= 0 {
		local, domain = address[:at], address[at:]
	}
	return short(masked(local) + domain)
}

// maskLogin hides a login that is an address.
func maskLogin(login string) string {
	if strings.Contains(login, "@") {
		return maskAddress(login)
	}
	return short(login)
}

// masked is three stars, and before them the first letter where there are more.
func masked(local string) string {
	first, size := utf8.DecodeRuneInString(local)
	if size == len(local) || first == '"' || first == '\\' || first == utf8.RuneError {
		return "***"
	}
	return string(first) + "***"
}

// localPart finds what stands before an @ in a text. It takes rather more than
// less, key=value included.
var localPart = regexp.MustCompile(`(?:\\*"[^"]*"|[^\s<>"(),;:]+)@`)

// maskText masks every address within a text.
func maskText(text string) string {
	return short(localPart.ReplaceAllStringFunc(text, func(found string) string {
		return masked(found[:len(found)-1]) + "@"
	}))
}
