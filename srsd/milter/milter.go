package milter

import (
	"context"
	"log/slog"
	"net"

	gomilter "github.com/emersion/go-milter"

	"postern/internal/lookup"
	wire "postern/internal/milter"
	"postern/internal/status"
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

// Timeouts bound what one connection can take.
type Timeouts = wire.Timeouts

// needed are the actions that we take: what a message may need.
const needed = gomilter.OptAddRcpt | gomilter.OptRemoveRcpt | gomilter.OptChangeFrom

// unwanted is what Postfix need not send. The log wants the client.
const unwanted = gomilter.OptNoHelo | gomilter.OptNoHeaders | gomilter.OptNoEOH |
	gomilter.OptNoBody | gomilter.OptNoData | gomilter.OptNoUnknown

// Handler serves connections of Postfix to its milter. Its fields are set
// before the first use and not changed after.
type Handler struct {
	// Rules is called once per message, at MAIL, so a reload counts for the
	// next message of every connection.
	Rules func() Rules

	Timeouts Timeouts
	Log      *slog.Logger // nil: nothing is logged
	Observer Observer     // nil: nothing is counted

	// Decided is told of each message, recipient or address that was refused or
	// deferred, as the log is; nil: nobody is. Its texts are a peer's.
	Decided func(status.Decision)

	NewID func() string // names a decision; nil: status.NewID
}

// ServeConn serves one connection and returns when it is over and everything
// that was started for it has ended. When ctx ends, a message under way is
// finished and then the connection closed.
func (h *Handler) ServeConn(ctx context.Context, conn net.Conn) {
	wire.Serve(ctx, conn, wire.Options{
		Actions:   needed,
		Unwanted:  unwanted,
		Arguments: map[gomilter.Code]int{gomilter.CodeMail: maxArguments, gomilter.CodeRcpt: maxArguments},
		Timeouts:  h.Timeouts,
		Log:       h.Log,
		Malformed: func() { h.observe(Malformed) },
	}, func(c *wire.Conn) wire.Session { return &session{handler: h, conn: c} })
}

func (h *Handler) newID() string {
	if h.NewID != nil {
		return h.NewID()
	}
	return status.NewID()
}

func (h *Handler) observe(r Result) {
	if h.Observer != nil {
		h.Observer.Observe(r)
	}
}
