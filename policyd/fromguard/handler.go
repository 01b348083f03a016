package fromguard

import (
	"context"
	"log/slog"
	"net"

	gomilter "github.com/emersion/go-milter"

	"postern/internal/milter"
	"postern/internal/status"
)

// Handler serves connections of Postfix to the guard. Its fields are set before
// the first use and not changed after.
type Handler struct {
	// Guard is called once per message, at MAIL, so a reload counts for the
	// next message of every connection. Nil: there is none any more, and
	// messages are deferred.
	Guard func() *Guard

	Timeouts milter.Timeouts
	Log      *slog.Logger // nil: nothing is logged
	Metrics  *Metrics     // nil: nothing is counted

	// Decided is told of each header that a message was refused or deferred for,
	// or would be, as the log is; nil: nobody is. Its texts are a peer's.
	Decided func(status.Decision)

	NewID func() string // names a decision in the reply and in the log; nil: status.NewID
}

const (
	// maxMail bounds MAIL with its ESMTP parameters (line_length_limit, 2048).
	maxMail = 8 << 10

	// maxHeader is that of a packet: no header goes by unseen.
	maxHeader = 1 << 20
)

// unwanted is what Postfix need not send. The end of the message always comes,
// and the log wants the client.
const unwanted = gomilter.OptNoHelo | gomilter.OptNoRcptTo | gomilter.OptNoEOH |
	gomilter.OptNoBody | gomilter.OptNoData | gomilter.OptNoUnknown

// ServeConn serves one connection and returns when it is over and everything
// that was started for it has ended. When ctx ends, a message under way is
// finished and then the connection closed.
func (h *Handler) ServeConn(ctx context.Context, conn net.Conn) {
	milter.Serve(ctx, conn, milter.Options{
		Unwanted:  unwanted,
		Arguments: map[gomilter.Code]int{gomilter.CodeMail: maxMail, gomilter.CodeHeader: maxHeader},
		Timeouts:  h.Timeouts,
		Log:       h.Log,
		Malformed: h.Metrics.breach,
	}, func(c *milter.Conn) milter.Session { return &session{handler: h, conn: c} })
}

func (h *Handler) newID() string {
	if h.NewID != nil {
		return h.NewID()
	}
	return status.NewID()
}
