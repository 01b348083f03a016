package milter

import (
	"bytes"

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
	v := verdict{what: "address refused", action: "reject"}
	field := "recipient"
	if code == gomilter.CodeMail {
		s.reset()
		s.observe(Rejected)
		field, v.sender = "sender", shown
	} else {
		s.observe(RecipientRefused)
		v.recipient = shown
	}
	v.reason = field + " address: " + what
	s.decided(s.conn.Log.With(field, wire.Clipped(shown)), nil, v)
	return gomilter.ActReject
}
