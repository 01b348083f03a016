// Package incident stops a login, an alias or a destination that does harm,
// holds its mail, tells who was reached, and takes all of that back.
//
// # What is stopped
//
// The database is the switch that every host reads, so one command on any host
// stops all of them; a table follows its change feed within a second, and
// without a feed within tables.refresh:
//
//	login        its row of smtp_users and its rows of smtp_sender_acl are made inactive
//	alias        its row of alias
//	handle       its row of alias_handle
//	destination  a ban of type email in api_bans; the aliases that lead there stay as they are
//
// Rows change in one transaction. Only rows that were active change, and these
// are remembered, so that Undo restores them and no others.
//
// A client that has logged in already keeps its connection: Dovecot is asked
// once for a session. It sends nothing more, for reject_sender_login_mismatch
// asks for every MAIL FROM and finds no row. A message whose recipients were
// accepted before that instant still comes in; it is why the queue is searched
// a second time, after Settle.
//
// # What is held
//
// The mail in the queue of the host on which the command runs, by queue ID
// (postsuper -h), never by "ALL". What belongs to a login is read from the queue
// files themselves (sasl_username, postcat(1)), which name it whatever became
// of the log; what belongs to an alias, a handle or a destination from their
// recipients. A message to several recipients is held as a whole. A delivery
// that is on its way when the message is held is finished by its process.
//
// On the next host the same command finds the rows inactive, says so, and
// holds what is queued there.
//
// # Who was reached
//
// Recipients of the mail in question to whom Postfix logged status=sent, with
// time and server: from the log and what logrotate kept of it, a login's mail
// by sasl_username. It is the log of this host.
//
// # Files
//
// State and report of an incident stand in one folder, 0600, under its ID. It has
// to belong to who runs this, since the folder above it is the daemons'. The
// state is written before each change, as a plan, and after it, as what was
// done: a command that dies in between can be undone. Both files are written
// once before anything is changed at all, so a full disk stops the command
// and not the half of it. One command works at a time, which a lock in the
// folder sees to; the reading of the log is outside of it.
//
// # Trouble
//
// A dead database does not keep the mail in the queue from being held; the
// error then is [ErrNotStopped], and the incident is continued later. An undo
// needs the database first: without it nothing is released. Rows that somebody
// changed since are left alone, and named.
//
// # Security
//
// Reports name senders and recipients: they are for the operator. The reason
// of a ban is part of Postfix's replies, so it is the ID alone. Nothing here
// runs a shell; queue IDs reach Postfix's programs on their standard input or
// as arguments of a fixed alphabet.
//
// # Known limits
//
// A log that is gone names nobody. Recipients of mail that a content filter
// hands back are followed by orig_queue_id, which smtpd logs for clients that
// may use XFORWARD.
package incident

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/internal/maillog"
	"postern/internal/store"
)

// Kind is what a name stands for.
type Kind string

// The kinds. Unknown is a name while nobody can be asked what it is: mail is
// held for whatever it may be.
const (
	Login       Kind = "login"
	Alias       Kind = "alias"
	Handle      Kind = "handle"
	Destination Kind = "destination"
	Unknown     Kind = "unknown"
)

// Kinds are the words of --as.
func Kinds() []string {
	return []string{string(Login), string(Alias), string(Handle), string(Destination)}
}

// Errors of Stop, Continue and Undo, for the exit status.
var (
	ErrNobody     = errors.New("no such login, alias, handle or destination")
	ErrNone       = errors.New("no such incident")
	ErrNotStopped = errors.New("the database did not take it")
	ErrKept       = errors.New("not all was restored")
	ErrDone       = errors.New("undone already")
	ErrBusy       = errors.New("another incident command is at work")
)

// AmbiguousError is a name that is more than one thing.
type AmbiguousError struct {
	Name  string
	Kinds []Kind
}

func (e *AmbiguousError) Error() string {
	words := make([]string, len(e.Kinds))
	for i, k := range e.Kinds {
		words[i] = "--as " + string(k)
	}
	return fmt.Sprintf("%.200q is more than one thing: say which with %s", e.Name, strings.Join(words, " or "))
}

// Request is one incident.
type Request struct {
	Name   string
	As     Kind   // "": found out
	Reason string // for the report
	Report string // file of the report; "": beside the state
	Logs   []string
	DryRun bool // change nothing and write nothing
}

// State is what was done, and what Undo goes by.
type State struct {
	ID       string            `json:"id"`
	Host     string            `json:"host"`
	Kind     Kind              `json:"kind"`
	Name     string            `json:"name"`
	Reason   string            `json:"reason,omitempty"`
	Begun    time.Time         `json:"begun"`
	Stopped  *time.Time        `json:"stopped"` // when the database took it; null: it did not yet
	Rows     []store.SwitchRow `json:"rows"`    // that this incident made inactive, or is about to
	Ban      *Ban              `json:"ban,omitempty"`
	Held     []Message         `json:"held"` // that this incident put on hold, or is about to
	Report   string            `json:"report"`
	Undone   *time.Time        `json:"undone,omitempty"`
	Restored []store.SwitchRow `json:"restored,omitempty"`
	Kept     []store.KeptRow   `json:"kept,omitempty"`
	Released []Message         `json:"released,omitempty"`
}

// Ban is a ban that an incident added.
type Ban struct {
	ID     uint64 `json:"id"`
	Target string `json:"target"`
}

// Message is one message of the queue.
type Message struct {
	ID         string    `json:"queue_id"`
	Queue      string    `json:"queue"` // where it was: active, deferred, incoming
	Sender     string    `json:"sender"`
	Arrived    time.Time `json:"arrived"`
	Login      string    `json:"login,omitempty"`
	Recipients []string  `json:"recipients"`      // the first ones
	More       int       `json:"more,omitempty"`  // further recipients
	Loose      bool      `json:"loose,omitempty"` // it left the queue before it could be held
}

// same reports whether two entries of the queue are the same message: a short
// queue ID is used again.
func (m Message) same(n Message) bool {
	return m.ID == n.ID && m.Arrived.Equal(n.Arrived) && m.Sender == n.Sender
}

// Report is a state with what the log says, and what there is to know.
type Report struct {
	State
	DryRun  bool          `json:"dry_run,omitempty"`
	Reached []Reached     `json:"reached"`
	More    int           `json:"reached_more,omitempty"` // that did not find room in Reached
	Logs    []string      `json:"logs"`
	Lines   maillog.Stats `json:"lines"`
	Notes   []string      `json:"notes,omitempty"`
}

// Reached is one recipient who got a message.
type Reached struct {
	Time   time.Time `json:"time"`
	ID     string    `json:"queue_id"`
	To     string    `json:"to"`
	OrigTo string    `json:"orig_to,omitempty"`
	Relay  string    `json:"relay"`
}

// note adds a remark once.
func (r *Report) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(r.Notes, text) {
		r.Notes = append(r.Notes, text)
	}
}
