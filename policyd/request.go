package policyd

import (
	"fmt"
	"net/netip"
)

// Attribute is one line of a request, as it was sent.
type Attribute struct{ Name, Value string }

// Request is one question of smtpd(8). The fields are the attributes that
// decide most; Get knows every attribute, those of later Postfix releases
// included. All values share the memory of the request: who keeps one beyond
// the decision clones it.
type Request struct {
	Listener string // address of the listener it came by, as configured

	Attributes []Attribute // in the order sent

	State          string     // protocol_state: CONNECT EHLO HELO MAIL RCPT DATA END-OF-MESSAGE VRFY ETRN
	Context        string     // policy_context
	ClientAddress  string     // client_address; "unknown" is possible
	Client         netip.Addr // the same parsed and unmapped; invalid where it is no address
	ClientName     string     // client_name: verified, or "unknown"
	Helo           string     // helo_name
	Sender         string     // empty: the null sender, or not known yet
	Recipient      string     // at DATA and END-OF-MESSAGE only if there is exactly one
	Login          string     // sasl_username; empty for mail from outside
	Instance       string     // one per message; empty before MAIL was accepted
	QueueID        string     // queue_id
	RecipientCount int64      // recipient_count: accepted recipients; 0 before DATA
	Size           int64      // size: declared, at END-OF-MESSAGE received bytes

	// Peek is set where somebody only wants to know: nothing may be charged,
	// remembered or learned from this request.
	Peek bool

	kind  string    // request: smtpd_access_policy
	notes *[]string // of --explain; nil on the way of mail
}

// Get is the value of an attribute, "" if it was not sent. Of one that was
// repeated it is the last value.
func (q *Request) Get(name string) string {
	for i := len(q.Attributes) - 1; i >= 0; i-- {
		if q.Attributes[i].Name == name {
			return q.Attributes[i].Value
		}
	}
	return ""
}

// Inbound reports mail from outside: nobody has logged in.
func (q *Request) Inbound() bool { return q.Login == "" }

// Explaining reports whether Notef is heard. Asking first spares the arguments.
func (q *Request) Explaining() bool { return q.notes != nil }

// Notef tells what a check looked at and found, for `postern policy --explain`.
func (q *Request) Notef(format string, args ...any) {
	if q.notes != nil {
		*q.notes = append(*q.notes, fmt.Sprintf(format, args...))
	}
}
