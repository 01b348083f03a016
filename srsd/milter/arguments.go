package milter

import (
	"bytes"

	gomilter "github.com/emersion/go-milter"
)

// takeAddress reads MAIL or RCPT: the address, NUL, and each ESMTP parameter
// with a NUL. Only the address is passed on.
func (f *front) takeAddress(code gomilter.Code, n int) error {
	if n > maxArguments {
		f.skip(n)
		return f.refuseAddress(code, "too long", "")
	}
	shown, _, _ := bytes.Cut(f.payload(n), []byte{0})
	if len(shown) > maxAddress {
		return f.refuseAddress(code, "too long", string(shown))
	}
	if n == 0 {
		return f.refuseAddress(code, "missing", "")
	}
	if _, ok := internal(string(shown)); !ok {
		return f.refuseAddress(code, "not understood", string(shown))
	}
	return f.pass(code, append(shown, 0))
}

// refuseAddress rejects the message or the recipient for its syntax. A
// recipient that was refused is none of the message's, so the rest goes on.
func (f *front) refuseAddress(code gomilter.Code, what, shown string) error {
	if f.over {
		return nil
	}
	if code == gomilter.CodeMail {
		f.session.reset()
		f.session.observe(Rejected)
	} else {
		f.session.observe(RecipientRefused)
	}
	f.log.Info("address refused", "command", string(rune(code)), "why", what, "address", clipped(shown))
	f.answer(byte(gomilter.ActReject))
	return nil
}
