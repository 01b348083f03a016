package milter

import (
	"context"
	"log/slog"
	"net"
	"time"

	gomilter "github.com/emersion/go-milter"
)

// Session is one connection's conversation. Its methods are called one after
// the other and return no error: go-milter would print it and hang up.
type Session interface {
	gomilter.Milter

	// Take is shown the argument of each command that Options.Arguments names,
	// before go-milter is. It returns what go-milter is to read, or the code of
	// an answer, in whose place go-milter hears nothing. An argument that is
	// longer than its limit is not shown, and not whole.
	Take(code gomilter.Code, argument []byte, whole bool) (pass []byte, answer gomilter.ActionCode)

	// OutOfOrder is told of a command that came when it could not. The message
	// is forgotten.
	OutOfOrder(command string)
}

// Options say what a kind of milter wants of the MTA.
type Options struct {
	Actions   gomilter.OptAction    // what it does to messages; an MTA must offer it
	Unwanted  gomilter.OptProtocol  // what the MTA need not send
	Arguments map[gomilter.Code]int // commands with an argument, and the longest one in bytes
	Timeouts  Timeouts
	Log       *slog.Logger // nil: nothing is logged
	Malformed func()       // told of a breach of the protocol; nil: nobody is
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

// Serve serves one connection to the session that open makes, and returns when
// it is over and everything that was started for it has ended. When ctx ends, a
// message under way is finished and then the connection closed.
func Serve(ctx context.Context, conn net.Conn, o Options, open func(*Conn) Session) {
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if peer := conn.RemoteAddr(); peer != nil && peer.String() != "" {
		log = log.With("peer", peer.String())
	}
	o.Log, o.Timeouts = log, o.Timeouts.filled()
	f := newFront(conn, o)
	// The context of the look-ups outlives the beginning of a stop.
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	f.conn = &Conn{Log: log, ctx: background, answer: o.Timeouts.Answer, front: f}
	f.session = open(f.conn)
	defer context.AfterFunc(ctx, f.stop)()
	server := gomilter.Server{
		NewMilter: func() gomilter.Milter { return f.session },
		Actions:   o.Actions,
		Protocol:  o.Unwanted,
	}
	server.Serve(&only{front: f}) // its error is that of the second Accept
}
