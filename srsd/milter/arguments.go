package milter

import (
	"bytes"
	"log/slog"

	gomilter "github.com/emersion/go-milter"

	wire "postern/internal/milter"
)

const (
	// maxArguments bounds what is kept of MAIL and RCPT with their ESMTP
	// parameters (line_length_limit, 2048).
	maxArguments = 8 << 10

	// maxAddress bounds the address of MAIL and RCPT with its brackets; with
	// the command and the final NUL that is PostSRSd's limit of 512 bytes.
	maxAddress = 510
)

// Take reads MAIL or RCPT: the address, NUL, and each ESMTP parameter with a
// NUL. Only the address is passed on.
func (s *session) Take(code gomilter.Code, argument []byte, whole bool) ([]byte, gomilter.ActionCode) {
	shown, _, _ := bytes.Cut(argument, []byte{0})
	switch {
	case !whole:
		return nil, s.refuseAddress(code, "too long", "")
	case len(shown) > maxAddress:
		return nil, s.refuseAddress(code, "too long", string(shown))
	case len(argument) == 0:
		return nil, s.refuseAddress(code, "missing", "")
	}
	if _, ok := wire.Internal(string(shown)); !ok {
		return nil, s.refuseAddress(code, "not understood", string(shown))
	}
	return append(shown, 0), 0
}

// refuseAddress rejects the message or the recipient for its syntax. A
// recipient that was refused is none of the message's, so the rest goes on.
func (s *session) refuseAddress(code gomilter.Code, what, shown string) gomilter.ActionCode {
	log, field := s.conn.Log, "sender"
	if code == gomilter.CodeMail {
		s.reset()
		s.observe(Rejected)
	} else {
		s.observe(RecipientRefused)
		field = "recipient"
	}
	s.decided(log.With(field, wire.Clipped(shown)), slog.LevelInfo, "address refused", "reject", "reason", field+" address: "+what)
	return gomilter.ActReject
}
