package milter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	gomilter "github.com/emersion/go-milter"

	"postern/internal/lookup"
)

// session is one connection's conversation, as go-milter's backend. Each
// method runs in go-milter's goroutine and returns no error: go-milter would
// print it and hang up.
type session struct {
	gomilter.NoOpMilter
	handler *Handler
	ctx     context.Context
	log     *slog.Logger
	answer  time.Duration
	busy    func(bool) // told when a message begins and ends

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
		sender, _ := internal(from)
		s.message = newEnvelope(s.handler.Rules(), sender)
		s.busy(true)
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
		recipient, _ := internal(to)
		log = log.With("sender", clipped(s.message.sender), "recipient", clipped(recipient))
		if s.message.full() {
			log.Info("recipient refused", "reply", tooMany)
			s.observe(RecipientDeferred)
			return gomilter.NewResponseStr(byte(gomilter.ActReplyCode), tooMany)
		}
		text, err := s.message.refuse(ctx, recipient)
		if err != nil {
			log.Warn("recipient deferred", "error", err)
			s.observe(RecipientDeferred)
			return gomilter.RespTempFail
		}
		if text != "" {
			return s.refused(log, text)
		}
		s.message.recipients = append(s.message.recipients, recipient)
		return gomilter.RespContinue
	})
}

// refused answers RCPT with the reply of Rules.Refuse.
func (s *session) refused(log *slog.Logger, text string) gomilter.Response {
	reply, err := smtpReply(text)
	if err != nil {
		log.Error("reply is not one of SMTP, another is sent", "error", err)
	}
	log.Info("recipient refused", "reply", reply)
	s.observe(RecipientRefused)
	return gomilter.NewResponseStr(byte(gomilter.ActReplyCode), escaped(reply))
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
			return s.failed(log.With("sender", clipped(message.sender)), err)
		}
		s.apply(log, m, message, edits)
		return gomilter.RespAccept
	})
}

// failed rejects or defers the message.
func (s *session) failed(log *slog.Logger, err error) gomilter.Response {
	switch {
	case errors.As(err, new(forgedError)):
		log.Info("message rejected", "reason", err)
	case lookup.IsPermanent(err):
		log.Warn("message rejected", "error", err)
	default:
		log.Warn("message deferred", "error", err)
		s.observe(Deferred)
		return gomilter.RespTempFail
	}
	s.observe(Rejected)
	return gomilter.RespReject
}

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
		"sender", clipped(message.sender), "rewritten", clipped(e.sender))
}

// Abort forgets the message.
func (s *session) Abort(*gomilter.Modifier) error {
	s.reset()
	return nil
}

// reset is the state between messages.
func (s *session) reset() {
	s.message = nil
	s.busy(false)
}

// unexpected defers a command that is out of order, and forgets the message.
func (s *session) unexpected(command string) gomilter.Response {
	s.log.Warn("milter protocol: command out of order", "command", command)
	s.observe(Malformed)
	s.reset()
	return gomilter.RespTempFail
}

// step runs one command within its time. A panic defers the message.
func (s *session) step(command string, m *gomilter.Modifier, run func(context.Context, *slog.Logger) gomilter.Response) (resp gomilter.Response, _ error) {
	log := s.log
	if id := m.Macros["i"]; id != "" {
		log = log.With("queue_id", clipped(id))
	}
	defer func() {
		if p := recover(); p != nil {
			log.Error("panic", "command", command, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			s.observe(Deferred)
			s.reset()
			resp = gomilter.RespTempFail
		}
	}()
	ctx, cancel := context.WithTimeout(s.ctx, s.answer)
	defer cancel()
	return run(ctx, log), nil
}

func (s *session) observe(r Result) {
	if s.handler.Observer != nil {
		s.handler.Observer.Observe(r)
	}
}
