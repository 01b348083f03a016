package serve

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"time"
)

// upper is the floor of a Handler.
type upper struct {
	handler Handler
	house   *house
}

func (u upper) serve(c *conn) (end, error) {
	x := &exchange{conn: c, limits: &u.house.limits}
	x.r, x.w = bufio.NewReader(x), bufio.NewWriter(x)
	return x.serve(context.WithValue(u.house.answering, idKey{}, c.id), u.handler)
}

// release wakes the connection by a deadline in the past. The connection may
// be setting a deadline at this moment; it looks at the cause after that, and
// the cause is set before the deadline here, so one of the two sees the other.
func (u upper) release(c *conn, why end) {
	if c.giveCause(why) {
		c.Conn.SetReadDeadline(past())
	}
}

// exchange is the talk over one connection: request, reply, request, reply.
type exchange struct {
	*conn
	limits *Limits
	r      *bufio.Reader // reads through exchange.Read
	w      *bufio.Writer // writes through exchange.Write

	begun      bool          // within a request
	requestEnd time.Duration // when the rest of it must be here; 0: nothing was missing yet
	readBy     time.Duration // the read deadline that is set
	writeBy    time.Duration // the write deadline that is set
	readErr    error         // what ended reading
	writeErr   error         // what ended writing
}

// serve answers requests until something ends the connection.
func (x *exchange) serve(ctx context.Context, handler Handler) (end, error) {
	for {
		if err := x.await(); err != nil {
			return x.ending(), err
		}
		x.begun = true
		if err := handler.ServeRequest(ctx, x.r, x.w); err != nil {
			return x.part(err)
		}
		x.begun, x.requestEnd = false, 0
	}
}

// await waits for the first byte of a request. A drain wakes it; a request
// that has arrived is still answered, and so is the first of a peer: nobody
// connects but to ask. A client that lost its connection to this very stop may
// be back already, and must not lose a second one, however slowly it asks.
func (x *exchange) await() error {
	_, err := x.r.Peek(1)
	if errors.Is(err, os.ErrDeadlineExceeded) && x.cause() == endDrained && (!x.asked.Load() || received(x.Conn)) {
		x.begun = true
		_, err = x.r.Peek(1)
	}
	return err
}

// part ends the connection on the handler's word.
func (x *exchange) part(err error) (end, error) {
	x.w.Flush() // an error is kept in writeErr
	switch {
	case x.readErr != nil || x.writeErr != nil:
		return x.ending(), err
	case errors.Is(err, io.EOF):
		return endClosed, nil
	}
	linger(x.Conn)
	return endRefused, err
}

// ending tells why reading or writing ended.
func (x *exchange) ending() end {
	switch {
	case x.writeErr != nil:
		return endWrite
	case errors.Is(x.readErr, os.ErrDeadlineExceeded):
		return x.lateness()
	case errors.Is(x.readErr, io.EOF) && x.begun:
		return endTruncated
	case errors.Is(x.readErr, io.EOF):
		return endClosed
	}
	return endError
}

// lateness tells which limit was passed.
func (x *exchange) lateness() end {
	switch why := x.cause(); {
	case why == endEvicted, why == endDrained && !x.begun:
		return why
	case !x.asked.Load():
		return endUnasked
	case x.begun:
		return endTimeout
	}
	return endIdle
}
