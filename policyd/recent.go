package policyd

import "postern/internal/status"

// remember has who looks know of a decision as the log tells it, those in shadow
// included. What most mail gets (Routine) is left out: it would push out the
// rest.
func (h *Handler) remember(q *Request, d *Decision) {
	for _, s := range d.Shadows {
		h.rememberVerdict(q, d.ID, "shadow", s.Check, &s.Verdict)
	}
	if !d.Action.IsDunno() {
		v := Verdict{Action: d.Action, Rule: d.Rule, Reason: d.Reason, Routine: d.Routine}
		h.rememberVerdict(q, d.ID, "enforce", d.Check, &v)
	}
}

func (h *Handler) rememberVerdict(q *Request, id, mode, check string, v *Verdict) {
	if v.Routine {
		return
	}
	h.Recent.Add(status.Decision{
		ID: id, Action: v.Action.Name(), Mode: mode, Check: check, Rule: v.Rule, Reason: v.Reason,
		Client: q.ClientAddress, Sender: q.Sender, Recipient: q.Recipient, Login: q.Login, QueueID: q.QueueID,
	})
}
