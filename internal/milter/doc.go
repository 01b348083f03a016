// Package milter speaks the milter protocol for those who judge messages by
// it: the wire, its limits and its deadlines, and nothing about mail.
//
// # How it stands to go-milter
//
// github.com/emersion/go-milter reads commands, calls a backend and writes its
// answers. It knows no limits, no deadlines and no drain, prints to the
// standard logger, and never ends a listener in an orderly way. So each
// connection has a go-milter server of its own, which sees a front in the
// place of the connection: that reads whole packets within their limits, hands
// over those that matter and are well formed, and answers the rest itself. A
// [Session] is the backend, and is asked by the front first, in Take: what it
// answers there never reaches go-milter, which keeps every header that it is
// shown for as long as the connection lasts.
//
// # Limits
//
// A packet has at most 1 MiB: more ends the connection, since the longest that
// Postfix sends is a header of header_size_limit, 100 KiB. Of macros 64 KiB are
// kept, of the commands with an argument what [Options] say; what is longer is
// read past. For time see [Timeouts]. The number of connections is the
// server's affair.
//
// # Trouble
//
// A breach of the protocol ends the connection; Postfix then does
// milter_default_action. A command out of order is deferred, and so is one in
// which a session panics.
//
// # Stopping
//
// When the context of [Serve] ends, a message under way is finished; then, or
// between messages after Timeouts.LameDuck, the connection is closed. A client
// that sends a further message in the same SMTP session gets 451.
//
// # Known limits
//
// Version 2 of the protocol is spoken, whatever the MTA offers; Postfix takes
// all actions in it. A backend sees the macros of the latest stage alone.
package milter
