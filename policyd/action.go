package policyd

import (
	"strconv"
	"strings"

	"postern/internal/oneline"
)

// maxText bounds the text of a reply, in bytes. Postfix has no bound that works
// (smtpd_check_reject cuts nothing), and a reply line has 512 octets (RFC 5321,
// section 4.5.3.1.5), of which Postfix's own words with the longest recipient
// take 297, and the id of the decision 14.
const maxText = 200

// maxHeader bounds a header that is put before the message, in bytes: a line
// has 998 octets (RFC 5322, section 2.1.1).
const maxHeader = 900

// Action is what smtpd(8) is told to do (access(5)). The zero value is DUNNO:
// the next restriction decides. There is no way to make an OK, which would
// skip every restriction after this one.
type Action struct {
	verb string // as sent
	text string
	name string // for logs and metrics
}

// Refuse answers with a reply code of 400 to 599 and an enhanced status code
// (RFC 3463) of the same class.
func Refuse(code int, status, text string) Action {
	name := "reject"
	if code < 500 {
		name = "defer"
	}
	return Action{strconv.Itoa(code), status + " " + Printable(text), name}
}

// DeferIfPermit refuses for now, unless another restriction refuses for good.
func DeferIfPermit(text string) Action {
	return Action{"DEFER_IF_PERMIT", "4.7.1 " + Printable(text), "defer_if_permit"}
}

// Hold puts the message into the hold queue.
func Hold(text string) Action { return Action{"HOLD", Printable(text), "hold"} }

// Discard takes the message and throws it away.
func Discard(text string) Action { return Action{"DISCARD", Printable(text), "discard"} }

// Prepend puts a header, of at most 900 bytes, before the message. Not at
// END-OF-MESSAGE.
func Prepend(header string) Action {
	return Action{"PREPEND", oneline.Reply(header, maxHeader), "prepend"}
}

// IsDunno reports that nothing was decided.
func (a Action) IsDunno() bool { return a.verb == "" }

// GoesOn reports an answer with which the mail goes on through the chain, so
// that a later check can still refuse it: HOLD and PREPEND.
func (a Action) GoesOn() bool { return a.name == "hold" || a.name == "prepend" }

// Refuses reports an answer with which the mail, or this recipient, is not taken.
func (a Action) Refuses() bool { return !a.IsDunno() && !a.GoesOn() && a.name != "discard" }

// Name is the action in logs and metrics: dunno, reject, defer,
// defer_if_permit, hold, prepend, discard.
func (a Action) Name() string {
	if a.IsDunno() {
		return "dunno"
	}
	return a.name
}

// String is the action as Postfix gets it, without "action=".
func (a Action) String() string {
	switch {
	case a.IsDunno():
		return "DUNNO"
	case a.text == "":
		return a.verb
	}
	return a.verb + " " + a.text
}

// withID has the reply carry the id of the decision, by which its log line is
// found. A header is not touched.
func (a Action) withID(id string) Action {
	if id != "" && !a.IsDunno() && a.name != "prepend" {
		a.text = strings.TrimSpace(a.text + " (id " + id + ")")
	}
	return a
}

// Printable makes a text fit for an SMTP reply: one line of printable ASCII
// (RFC 5321, section 4.2), bounded.
func Printable(text string) string { return oneline.Reply(text, maxText) }
