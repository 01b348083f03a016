package policyd

import "postern/internal/status"

// remember has who looks know of a verdict as the log tells it. What most mail
// gets (Routine) is left out: it would push out the rest.
func (h *Handler) remember(q *Request, id, mode, check string, v *Verdict) {
	if v.Routine {
		return
	}
	h.Recent.Add(status.Decision{
		ID: id, Action: v.Action.Name(), Mode: mode, Check: check, Rule: v.Rule, Reason: v.Reason,
		Client: q.ClientAddress, Sender: q.Sender, Recipient: q.Recipient, Login: q.Login, QueueID: q.QueueID,
	})
}
