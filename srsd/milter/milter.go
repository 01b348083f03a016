package milter

import (
	"context"
	"log/slog"
	"net"
	"time"

	gomilter "github.com/emersion/go-milter"

	"postern/internal/lookup"
)

// DefaultRecipientLimit is what Rules.RecipientLimit stands for when it is
// zero: PostSRSd's milter-recipient-limit and Postfix's
// smtpd_recipient_limit.
const DefaultRecipientLimit = 1000

// Rules is what the milter asks about a message. A nil Map or function is not
// asked. Addresses are in Postfix's internal form, without brackets, quotes
// and source route; they may be empty or lack an @.
type Rules struct {
	// Forward tells what a sender is rewritten to. A sender that is not found
	// stays. An error marked lookup.Permanent rejects the message, every other
	// one defers it.
	Forward lookup.Map

	// Reverse tells whom a rewritten recipient stands for. One that is not
	// found stays. Errors are as with Forward.
	Reverse lookup.Map

	// Local tells whether mail for a recipient, reversed already, stays on
	// this host. An error defers the message.
	Local func(ctx context.Context, recipient string) (bool, error)

	// Refuse is asked at RCPT and returns the reply that refuses the recipient,
	// "550 5.1.1 reason" or the like, or "" to take it. An error defers the
	// recipient.
	Refuse func(ctx context.Context, sender, recipient string) (reply string, err error)

	// Forged is asked at the end of the message about each recipient that
	// Reverse did not find; one that is forged rejects the message. An error
	// defers it.
	Forged func(ctx context.Context, recipient string) (bool, error)

	// RewriteLocal has the sender rewritten although every recipient is local.
	RewriteLocal bool

	// RecipientLimit is how many recipients a message may have. Those beyond
	// it are refused with 452 (RFC 5321, section 4.5.3.1.10), so that the
	// sender's host sends the rest in a further message.
	RecipientLimit int
}

// Timeouts bound what one connection can take. A field that is zero has its
// default.
type Timeouts struct {
	// Idle is the wait for the next command: Postfix keeps a connection as long
	// as the SMTP session lasts, says nothing while the client is silent
	// (smtpd_timeout, 300 s at a time) and nothing while a message comes in.
	// Default: 1 h.
	Idle time.Duration

	// Command is the wait for the rest of a command that has begun, and for
	// the peer to take a reply. Default: 30 s (milter_command_timeout).
	Command time.Duration

	// Answer bounds the look-ups for one command; then it is deferred. It is
	// less than Postfix waits, 30 s (milter_command_timeout) at RCPT.
	// Default: 25 s.
	Answer time.Duration

	// LameDuck is how long a connection between two messages stays after a
	// stop began. The next message of an SMTP session whose milter hung up is
	// deferred by Postfix. Default: 100 ms, for what is on its way already.
	LameDuck time.Duration
}

// filled returns t with defaults in the place of zeros.
func (t Timeouts) filled() Timeouts {
	for _, f := range []struct {
		value *time.Duration
		def   time.Duration
	}{
		{&t.Idle, time.Hour},
		{&t.Command, 30 * time.Second},
		{&t.Answer, 25 * time.Second},
		{&t.LameDuck, 100 * time.Millisecond},
	} {
		if *f.value <= 0 {
			*f.value = f.def
		}
	}
	return t
}

// Handler serves connections of Postfix to its milter. Its fields are set
// before the first use and not changed after.
type Handler struct {
	// Rules is called once per message, at MAIL, so a reload counts for the
	// next message of every connection.
	Rules func() Rules

	Timeouts Timeouts
	Log      *slog.Logger // nil: nothing is logged
	Observer Observer     // nil: nothing is counted
}

// ServeConn serves one connection and returns when it is over and everything
// that was started for it has ended. When ctx ends, a message under way is
// finished and then the connection closed.
func (h *Handler) ServeConn(ctx context.Context, conn net.Conn) {
	log := h.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if peer := conn.RemoteAddr(); peer != nil && peer.String() != "" {
		log = log.With("peer", peer.String())
	}
	limits := h.Timeouts.filled()
	s := &session{handler: h, log: log, answer: limits.Answer}
	// The context of the look-ups outlives the beginning of a stop.
	var cancel context.CancelFunc
	s.ctx, cancel = context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	f := newFront(conn, s, limits, log)
	defer context.AfterFunc(ctx, f.stop)()
	server := gomilter.Server{
		NewMilter: func() gomilter.Milter { return s },
		Actions:   needed,
		Protocol:  unwanted,
	}
	server.Serve(&only{front: f}) // its error is that of the second Accept
}
