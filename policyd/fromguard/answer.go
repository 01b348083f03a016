package fromguard

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	gomilter "github.com/emersion/go-milter"

	"postern/internal/milter"
	"postern/internal/status"
)

// answer weighs the findings by the modes of their headers: what is wrong comes
// before what cannot be told, so that a client is not sent away to come again
// with the same mail.
func (h *Handler) answer(log *slog.Logger, m *message, findings []finding) gomilter.Response {
	id := h.newID()
	tell := func(level slog.Level, what, action, mode string, f *finding) {
		log.LogAttrs(context.Background(), level, what, m.line(id, action, mode, f)...)
		h.decided(m.decision(id, action, mode, f))
	}
	var refused, unknown *finding
	acts := map[Header]Action{}
	for i := range findings {
		f := &findings[i]
		act := m.guard.act(*f)
		more := worse(acts[f.header], act) != acts[f.header] // one line for a header: who sends may put in hundreds
		acts[f.header] = worse(acts[f.header], act)
		switch {
		case act == Refused && refused == nil:
			refused = f
		case act == Deferred && unknown == nil:
			unknown = f
		case more && act == Shadowed:
			tell(slog.LevelInfo, "message would be refused: shadow mode", "reject", "shadow", f)
		case more && act == Failed:
			tell(slog.LevelWarn, "message is not judged: shadow mode", "defer", "shadow", f)
		}
	}
	h.countAll(m, acts)
	switch {
	case refused != nil:
		tell(slog.LevelInfo, "message refused", "reject", "enforce", refused)
		return h.refuse(log, fmt.Sprintf("550 5.7.1 Header %s: %v (id %s)", milter.Clipped(refused.name), refused.reason, id))
	case unknown != nil:
		tell(slog.LevelWarn, "message deferred", "defer", "enforce", unknown)
		return h.refuse(log, fmt.Sprintf("451 4.7.1 Header %s: nobody can tell now whether this login may use it, try again later (id %s)", milter.Clipped(unknown.name), id))
	}
	log.Debug("message passed", "id", id, "action", "dunno", "check", checkName, "sender", milter.Clipped(m.envelope), "login", milter.Clipped(m.login))
	return gomilter.RespAccept
}

// decided tells who wants to know.
func (h *Handler) decided(d status.Decision) {
	if h.Decided != nil {
		h.Decided(d)
	}
}

// decision is one about the message, of a header where f is not nil.
func (m *message) decision(id, action, mode string, f *finding) status.Decision {
	d := status.Decision{
		ID: id, Action: action, Mode: mode, Check: checkName,
		Client: m.client, Sender: m.envelope, Login: m.login, QueueID: m.queueID,
	}
	if f == nil {
		return d
	}
	d.Rule = string(f.header)
	why := f.reason
	if f.err != nil {
		why = f.err
	}
	d.Reason = why.Error()
	return d
}

// refuse sends a reply.
func (h *Handler) refuse(log *slog.Logger, text string) gomilter.Response {
	reply, err := milter.Reply(text)
	if err != nil {
		log.Error("reply is not one of SMTP, another is sent", "error", err)
	}
	return milter.Refusal(reply)
}

// act is what a finding leads to.
func (g *Guard) act(f finding) Action {
	shadow := g.modes[f.header] == Shadow
	switch {
	case f.err != nil && shadow:
		return Failed
	case f.err != nil:
		return Deferred
	case shadow:
		return Shadowed
	}
	return Refused
}

// worse is the action that says more of a header with several findings.
func worse(a, b Action) Action {
	order := []Action{"", Passed, Failed, Shadowed, Deferred, Refused}
	if slices.Index(order, a) > slices.Index(order, b) {
		return a
	}
	return b
}

// countAll counts one action for each header that the message has.
func (h *Handler) countAll(m *message, acts map[Header]Action) {
	total := Passed
	for _, f := range m.headers.fields {
		if acts[f.header] == "" && m.guard.modes[f.header] != Off {
			acts[f.header] = Passed
		}
	}
	for header, act := range acts {
		h.Metrics.count(header, act)
		total = worse(total, act)
	}
	h.Metrics.count(whole, total)
}

// checkName is what the log calls the guard.
const checkName = "from_guard"

// line is a line of the log, of attributes named as policyd names them. Postfix
// does not tell the guard of recipients.
func (m *message) line(id, action, mode string, f *finding) []slog.Attr {
	all := []slog.Attr{
		slog.String("id", id),
		slog.String("action", action),
		slog.String("mode", mode),
		slog.String("check", checkName),
		slog.String("rule", string(f.header)),
		slog.String("header", milter.Clipped(f.name)),
	}
	if f.domain != "" {
		all = append(all, slog.String("domain", milter.Clipped(f.domain)))
	}
	if f.err != nil {
		all = append(all, slog.Any("error", f.err))
	} else {
		all = append(all, slog.Any("reason", f.reason))
	}
	return append(all, slog.String("sender", milter.Clipped(m.envelope)), slog.String("login", milter.Clipped(m.login)))
}
