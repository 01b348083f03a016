// Package maillog reads what Postfix's log says of messages.
//
// # Input
//
// One line per event, in any of the shapes in which Postfix's lines reach a
// file or a pipe:
//
//	Nov  1 17:24:45 mx postfix/smtpd[7]: …                          syslog
//	2026-11-01T17:24:45.123456+01:00 mx postfix/smtpd[7]: …         rsyslog of Debian 12 and later
//	Nov 01 17:24:45 mx postfix/smtpd[7]: …                          maillog_file, postlogd(8)
//	Nov 01 17:24:45.123456 mx postfix/submission/smtpd[7]: …        journalctl -o short, short-precise
//	2026-11-01T17:24:45+0100 mx postfix/smtpd[7]: …                 journalctl -o short-iso
//
// Files that gzip compressed are read as they are (File). A time stamp without
// a year is of the latest year in which it is not ahead of Options.Now.
//
// # Output
//
// An [Event] for each line that says something of a message: who handed it in
// (smtpd, pickup), its message-id (cleanup), its sender (qmgr), one for each
// delivery attempt (smtp, local, error, …), its end (qmgr), and one for each
// recipient that smtpd refused. Lines of other programs and all other lines of
// Postfix are counted in [Stats] and passed over.
//
// # Queue IDs
//
// Short ones (microseconds and inode in hexadecimal) are used again once a
// message is gone; long ones (enable_long_queue_ids) are not. So whoever
// follows a message by its ID forgets it at [Removed].
//
// # Limits and security
//
// Reading is streamed: a line has MaxLine bytes at most, what is longer is
// counted and passed over, and nothing is kept between lines. Much of a line
// was written by strangers: addresses, message-ids, what a remote server
// replied. Each value is therefore read where Postfix puts it, from the front,
// and never searched for in the rest. An address in quotes may hold any
// character (RFC 5321, section 4.1.2). Values are as logged: a control
// character is a question mark there already.
//
// # Known limits
//
// A login that holds ", sasl_sender=" or ", orig_" is cut there. Postfix cuts
// lines of over 2000 bytes, so a reply at the end may be incomplete.
package maillog

import "time"

// MaxLine is how long a line may be, in bytes.
const MaxLine = 16 << 10

// Kind is what an event tells.
type Kind int

// The kinds, in the order in which they come in the life of a message.
const (
	Accepted Kind = iota + 1 // a client handed a message in: Client, SASLUsername, SASLMethod, OrigID
	PickedUp                 // a local user handed one in (pickup): From
	Named                    // its message-id (cleanup): MessageID
	Queued                   // it is in the active queue (qmgr): From, Size, Recipients
	Delivery                 // one attempt for one recipient: To, OrigTo, Relay, DSN, Status, Reason
	Held                     // postsuper, or an access table or header check, put it on hold
	Released                 // postsuper took it from hold
	Removed                  // it is gone from the queue
	Rejected                 // a recipient was refused: From, To, Client, SASLUsername, Reason; often without QueueID
)

// String is the name of a kind in messages and tests.
func (k Kind) String() string {
	names := [...]string{"", "accepted", "picked-up", "named", "queued", "delivery", "held", "released", "removed", "rejected"}
	if k < 0 || int(k) >= len(names) {
		return "unknown"
	}
	return names[k]
}

// Event is one line of the log. Which fields are set depends on the kind; an
// empty From is the null sender.
type Event struct {
	Kind    Kind
	Time    time.Time // with the zone of the line, or Options.Location
	Host    string
	Name    string // syslog_name: postfix, postfix/submission
	Service string // program: smtpd, cleanup, qmgr, smtp
	QueueID string // "" for NOQUEUE

	Client       string // name[address], or name[address]:port
	SASLMethod   string
	SASLUsername string
	OrigID       string // orig_queue_id, of a message that comes back from a content filter
	MessageID    string // with its <>
	From         string // without <>
	Size         int64  // in bytes
	Recipients   int    // nrcpt
	To           string // without <>
	OrigTo       string // without <>; "" where it is To
	Relay        string // name[address]:port, local, none, …
	DSN          string // 2.0.0
	Status       string // sent, deferred, bounced, expired, …
	Reason       string // the reply, as text
}

// Sent reports whether the event is a delivery that a server took.
func (e Event) Sent() bool { return e.Kind == Delivery && e.Status == "sent" }
