package milter

import (
	"context"
	"errors"
	"log/slog"

	gomilter "github.com/emersion/go-milter"

	"postern/internal/lookup"
	wire "postern/internal/milter"
	"postern/internal/status"
)

// session is one connection's conversation, as go-milter's backend. Each
// method runs in go-milter's goroutine and returns no error: go-milter would
// print it and hang up.
type session struct {
	gomilter.NoOpMilter
	handler *Handler
	conn    *wire.Conn

	message *envelope // nil between messages
}

// tooMany is the reply beyond Rules.RecipientLimit.
const tooMany = "452 4.5.3 Too many recipients"

// MailFrom begins a message.
func (s *session) MailFrom(from string, m *gomilter.Modifier) (gomilter.Response, error) {
	return s.step("MAIL", m, func(context.Context, *slog.Logger) gomilter.Response {
		if s.message != nil {
			return s.unexpected("MAIL")
		}
		sender, _ := wire.Internal(from)
		s.message = newEnvelope(s.handler.Rules(), sender)
		s.conn.Busy(true)
		return gomilter.RespContinue
	})
}

// RcptTo adds a recipient, unless it is refused: with a reply code, which has
// a text and is no end of the message to go-milter, as RespReject is.
func (s *session) RcptTo(to string, m *gomilter.Modifier) (gomilter.Response, error) {
	return s.step("RCPT", m, func(ctx context.Context, log *slog.Logger) gomilter.Response {
		if s.message == nil {
			return s.unexpected("RCPT")
		}
		recipient, _ := wire.Internal(to)
		log = log.With("sender", wire.Clipped(s.message.sender), "recipient", wire.Clipped(recipient))
		if s.message.full() {
			s.decided(log, m, verdict{what: "recipient deferred", action: "defer", sender: s.message.sender, recipient: recipient, reason: tooMany})
			s.observe(RecipientDeferred)
			return wire.Refusal(tooMany)
		}
		text, err := s.message.refuse(ctx, recipient)
		if err != nil {
			s.decided(log, m, verdict{what: "recipient deferred", action: "defer", sender: s.message.sender, recipient: recipient, trouble: err})
			s.observe(RecipientDeferred)
			return gomilter.RespTempFail
		}
		if text != "" {
			return s.refused(log, m, recipient, text)
		}
		s.message.recipients = append(s.message.recipients, recipient)
		return gomilter.RespContinue
	})
}

// refused answers RCPT with the reply of Rules.Refuse.
func (s *session) refused(log *slog.Logger, m *gomilter.Modifier, recipient, text string) gomilter.Response {
	reply, err := wire.Reply(text)
	if err != nil {
		log.Error("reply is not one of SMTP, another is sent", "error", err)
	}
	action := "reject"
	if reply[0] == '4' {
		action = "defer"
	}
	s.decided(log, m, verdict{what: "recipient refused", action: action, sender: s.message.sender, recipient: recipient, reason: reply})
	s.observe(RecipientRefused)
	return wire.Refusal(reply)
}

// Body is the end of the message: it is judged and changed.
func (s *session) Body(m *gomilter.Modifier) (gomilter.Response, error) {
	return s.step("end of message", m, func(ctx context.Context, log *slog.Logger) gomilter.Response {
		message := s.message
		if message == nil || len(message.recipients) == 0 {
			return s.unexpected("end of message")
		}
		s.reset()
		edits, err := message.edits(ctx)
		if err != nil {
			return s.failed(log, m, message.sender, err)
		}
		s.apply(log, m, message, edits)
		return gomilter.RespAccept
	})
}

// failed rejects or defers the message.
func (s *session) failed(log *slog.Logger, m *gomilter.Modifier, sender string, err error) gomilter.Response {
	log = log.With("sender", wire.Clipped(sender))
	switch {
	case errors.As(err, new(forgedError)):
		s.decided(log, m, verdict{what: "message rejected", action: "reject", sender: sender, reason: err.Error()})
	case lookup.IsPermanent(err):
		s.decided(log, m, verdict{what: "message rejected", action: "reject", sender: sender, trouble: err})
	default:
		s.decided(log, m, verdict{what: "message deferred", action: "defer", sender: sender, trouble: err})
		s.observe(Deferred)
		return gomilter.RespTempFail
	}
	s.observe(Rejected)
	return gomilter.RespReject
}

// verdict is a decision on the message under way, or on one of its addresses.
type verdict struct {
	what, action      string
	sender, recipient string
	reason            string
	trouble           error // in the place of a reason
}

// decided tells of a decision, in one line with attributes named as policyd names
// them.
func (s *session) decided(log *slog.Logger, m *gomilter.Modifier, v verdict) {
	d := status.Decision{
		ID: s.handler.newID(), Action: v.action, Mode: "enforce", Check: checkName, Reason: v.reason,
		Client: s.conn.Client, Sender: v.sender, Recipient: v.recipient,
	}
	if m != nil {
		d.QueueID = m.Macros["i"]
	}
	level, why := slog.LevelInfo, slog.String("reason", v.reason)
	if v.trouble != nil {
		d.Reason = v.trouble.Error()
		level, why = slog.LevelWarn, slog.Any("error", v.trouble)
	}
	log.Log(context.Background(), level, v.what, "id", d.ID, "action", d.Action, "mode", d.Mode, "check", d.Check, why)
	if s.handler.Decided != nil {
		s.handler.Decided(d)
	}
}

// checkName is what the log calls the milter.
const checkName = "srs_milter"

// apply sends the changes, deletions first: a recipient that is added may be
// among those that are deleted. The front takes every byte, so there are no
// errors.
func (s *session) apply(log *slog.Logger, m *gomilter.Modifier, message *envelope, e edits) {
	for _, recipient := range e.removed {
		m.DeleteRecipient(recipient)
	}
	for _, recipient := range e.added {
		m.AddRecipient(recipient)
	}
	if e.sender != "" {
		m.ChangeFrom("<" + e.sender + ">")
	}
	for range e.reversed {
		s.observe(Reversed)
	}
	s.observe(e.result)
	log.Debug("message passed", "result", string(e.result), "recipients", len(message.recipients), "reversed", e.reversed,
		"sender", wire.Clipped(message.sender), "rewritten", wire.Clipped(e.sender))
}

// Abort forgets the message.
func (s *session) Abort(*gomilter.Modifier) error {
	s.reset()
	return nil
}

// reset is the state between messages.
func (s *session) reset() {
	s.message = nil
	s.conn.Busy(false)
}

// unexpected defers a command that is out of order.
func (s *session) unexpected(command string) gomilter.Response {
	s.OutOfOrder(command)
	return gomilter.RespTempFail
}

// OutOfOrder forgets the message.
func (s *session) OutOfOrder(command string) {
	s.conn.Log.Warn("milter protocol: command out of order", "command", command)
	s.observe(Malformed)
	s.reset()
}

// step runs one command within its time. A panic defers the message.
func (s *session) step(command string, m *gomilter.Modifier, run func(context.Context, *slog.Logger) gomilter.Response) (gomilter.Response, error) {
	return s.conn.Step(command, m, func() {
		s.observe(Deferred)
		s.reset()
	}, run)
}

func (s *session) observe(r Result) { s.handler.observe(r) }
