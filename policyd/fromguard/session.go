package fromguard

import (
	"bytes"
	"context"
	"log/slog"

	gomilter "github.com/emersion/go-milter"

	"postern/internal/milter"
)

// session is one connection's conversation.
type session struct {
	gomilter.NoOpMilter
	handler *Handler
	conn    *milter.Conn

	message *message // nil between messages, and while one goes by unjudged
}

// message is what is known of a message under way.
type message struct {
	guard    *Guard
	login    string
	envelope string // the sender, in Postfix's internal form; "" also where it is not understood
	headers  headers

	client, queueID string // at its end
}

// Take is shown MAIL, and keeps what it needs of the headers.
func (s *session) Take(code gomilter.Code, argument []byte, whole bool) ([]byte, gomilter.ActionCode) {
	switch {
	case !whole:
		s.OutOfOrder("MAIL or a header that is too long")
		return nil, gomilter.ActTempFail
	case code != gomilter.CodeHeader:
		return argument, 0
	case s.message == nil:
		s.OutOfOrder("HEADER")
		return nil, gomilter.ActTempFail
	}
	name, value, _ := bytes.Cut(argument, []byte{0})
	s.message.headers.add(string(name), string(bytes.TrimSuffix(value, []byte{0})))
	return nil, gomilter.ActContinue
}

// MailFrom begins a message. Its macros are the only ones with the login.
func (s *session) MailFrom(from string, m *gomilter.Modifier) (gomilter.Response, error) {
	return s.step("MAIL", m, func(_ context.Context, log *slog.Logger) gomilter.Response {
		if s.message != nil {
			s.OutOfOrder("MAIL")
			return gomilter.RespTempFail
		}
		envelope, _ := milter.Internal(from)
		begun := &message{guard: s.handler.Guard(), login: macro(m, "auth_authen"), envelope: envelope, client: s.conn.Client}
		switch {
		case begun.guard == nil:
			return s.gone(log, begun)
		case begun.guard.off:
			return gomilter.RespAccept
		}
		s.message = begun
		s.conn.Busy(true)
		return gomilter.RespContinue
	})
}

// gone defers a message that nobody can judge any more.
func (s *session) gone(log *slog.Logger, m *message) gomilter.Response {
	const why = "the from_guard block was taken out of the configuration"
	s.handler.Metrics.count(whole, Deferred)
	d := m.decision(s.handler.newID(), "defer", "enforce", nil)
	d.Reason = why
	log.Warn("message deferred", "id", d.ID, "action", d.Action, "mode", d.Mode, "check", d.Check, "error", why)
	s.handler.decided(d)
	return gomilter.RespTempFail
}

// noLogin ends a message without a login, not before its end: Postfix's own
// refusal of strangers is for good. What comes this far is from a listener of
// Postfix that lets in others than logins, or does not tell of them.
func (s *session) noLogin(log *slog.Logger, m *message) gomilter.Response {
	const hint = "let the guard stand in smtpd_milters of the submission service alone, with smtpd_sasl_auth_enable, and {auth_authen} in milter_mail_macros"
	s.handler.Metrics.count(whole, NoLogin)
	what, mode := "message deferred: Postfix tells of no login", "enforce"
	if !m.guard.enforced() {
		what, mode = "message without a login goes on: the guard is in shadow mode", "shadow"
	}
	d := m.decision(s.handler.newID(), "defer", mode, nil)
	d.Reason = "Postfix tells of no login"
	log.Error(what, "sender", milter.Clipped(m.envelope), "id", d.ID, "action", d.Action, "mode", d.Mode, "check", d.Check, "right", hint)
	s.handler.decided(d)
	if mode == "shadow" {
		return gomilter.RespAccept
	}
	return milter.Refusal("451 4.7.1 The server's From guard is told of no login, try again later")
}

// Body is the end of the message: it is judged.
func (s *session) Body(m *gomilter.Modifier) (gomilter.Response, error) {
	return s.step("end of message", m, func(ctx context.Context, log *slog.Logger) gomilter.Response {
		judged := s.message
		if judged == nil {
			s.OutOfOrder("end of message")
			return gomilter.RespTempFail
		}
		s.reset()
		judged.client, judged.queueID = s.conn.Client, m.Macros["i"]
		if judged.login == "" {
			return s.noLogin(log, judged)
		}
		findings := judged.guard.judge(ctx, judged.login, judged.envelope, &judged.headers)
		return s.handler.answer(log, judged, findings)
	})
}

// Abort forgets the message.
func (s *session) Abort(*gomilter.Modifier) error {
	s.reset()
	return nil
}

// OutOfOrder forgets the message.
func (s *session) OutOfOrder(command string) {
	s.conn.Log.Warn("milter protocol: command out of order", "command", command)
	s.handler.Metrics.breach()
	s.reset()
}

// reset is the state between messages.
func (s *session) reset() {
	s.message = nil
	s.conn.Busy(false)
}

func (s *session) step(command string, m *gomilter.Modifier, run func(context.Context, *slog.Logger) gomilter.Response) (gomilter.Response, error) {
	return s.conn.Step(command, m, func() {
		s.handler.Metrics.count(whole, Deferred)
		s.reset()
	}, run)
}

// macro is the value of a macro with a long name.
func macro(m *gomilter.Modifier, name string) string {
	if value := m.Macros["{"+name+"}"]; value != "" {
		return value
	}
	return m.Macros[name]
}
