// Package serve is the connection core: it accepts, limits, times, drains and
// counts connections, and knows no protocol.
//
// # Two floors
//
// A [Handler] answers one request at a time between a buffered reader and a
// buffered writer. The core does the rest: it waits for the first byte, sends
// the replies, sets every deadline, and ends the connection. A [ConnHandler],
// the floor below, is given the whole connection; it is for protocols with a
// state of their own, such as a milter. A [Server] has the one or the other.
//
// # Requests
//
// Requests that arrive together are answered in order, and their replies leave
// together: they are written when the reader needs bytes that have not arrived,
// so no reply waits for a request that is still on its way. A handler that
// returns an error ends the connection; what it wrote before is still sent,
// and the end is lingered over, so that a client in the middle of a large
// request reads the reply and not a reset.
//
// # Time
//
// Four limits hold for a connection on the upper floor, see [Limits]. A new peer
// has FirstRequest, from accept to the end of its first request. After that
// Idle is the wait for the first byte of a request, Request the wait for the
// rest of it, and Write the wait for the peer to take a reply. The time a
// handler thinks is the handler's own affair. Setting a deadline costs more
// than reading the clock, so the idle deadline and the write deadline are set
// anew only when part of them is used up: Idle may last a quarter longer and
// Write twice as long.
//
// # Full house
//
// A place is taken before a connection is accepted, so what is too much stays
// in the kernel's queue and costs the process nothing. At the limit, room is
// made for who may come next: first goes the peer that was accepted longest ago of those without one
// complete request; if there is none, the one that has been idle longest, if
// for more than Spare. A peer that is being answered never goes. Thousands of
// half-open connections thus delay a good client by some milliseconds. An error
// of accept (no file descriptors, no memory) is waited out with growing pauses
// and never ends the service; running out of descriptors makes room as well.
//
// # Stopping
//
// When the context of [Server.Serve] ends, the peers that the kernel has
// already let in are accepted, the listener is closed, and the drain begins.
// After LameDuck (normally none) an idle connection is closed, unless a
// request of its has already arrived, or its first must be on its way: these
// are still answered. The first request of a connection, and the rest of one
// that has begun, have two seconds to come. What is not done after Drain is cut
// off. Closing the listener instead of ending the context drains the same way.
// A request that arrives in the instant of closing meets a closed connection;
// Postfix asks again at once on a new one (socketmap_table(5), policy), or
// after a second (tcp_table(5)).
//
// # Cost
//
// To the bare reading and writing of a request the core adds three looks at the
// clock. It reads and writes sockets by system calls of its own, without the
// scheduler's precautions against calls that block, which take more than a
// look-up in memory does.
//
// # What a handler may expect
//
// The context of a request lives as long as the service may answer: it does
// not end when the drain begins but when it is over, so an answer under way is
// not spoiled by a stop. [ID] tells the number of the connection, as the log
// lines name it. A panic ends its connection with a log line, never the
// process; the half of a reply it may have left is thrown away.
//
// # Known limits
//
// Limits hold per listener, not per process. A handler that returns nil and
// has read nothing is asked again at once and for ever. The core does not
// know where a request ends, so "one complete request" means: a reply was sent.
package serve
