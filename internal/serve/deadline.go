package serve

import (
	"errors"
	"os"
	"time"
)

// drainRest is the time that the rest of a request, or the first one of a
// connection, has to arrive during a drain. Postfix connects to ask and sends a
// request in one piece, so what is not here in a few round trips will not come.
const drainRest = 2 * time.Second

// Read is called when the buffer has run empty: it sends the replies that are
// waiting, sets the deadline that fits and reads from the connection.
func (x *exchange) Read(p []byte) (int, error) {
	if err := x.w.Flush(); err != nil {
		return 0, err
	}
	for {
		now := x.house.now()
		x.armRead(now)
		x.waiting.Store(int64(now))
		n, err := x.wire.Read(p)
		x.waiting.Store(0)
		if err != nil {
			if x.mayFinish(err) {
				continue
			}
			x.readErr = err
		}
		return n, err
	}
}

// mayFinish reports whether a read was cut short by a drain although a request
// has begun; its rest is then given a last chance.
func (x *exchange) mayFinish(err error) bool {
	now := x.house.now()
	if !x.begun || x.cause() != endDrained || !errors.Is(err, os.ErrDeadlineExceeded) || now >= x.readBy {
		return false
	}
	x.requestEnd = min(x.requestEnd, now+drainRest)
	x.readBy = 0 // it was overwritten
	return true
}

// armRead sets the read deadline where the one that is set does not do.
func (x *exchange) armRead(now time.Duration) {
	by, slack := x.readDeadline(now)
	if by <= x.readBy && x.readBy <= by+slack {
		return
	}
	x.readBy = by + slack
	x.Conn.SetReadDeadline(x.house.at(x.readBy))
	// See upper.release for the other half of this.
	if why := x.cause(); why == endEvicted || why == endDrained && !x.begun {
		x.Conn.SetReadDeadline(past())
	}
}

// readDeadline is when the bytes that are missing must be here, and how much
// later will do.
func (x *exchange) readDeadline(now time.Duration) (by, slack time.Duration) {
	first := x.accepted + x.limits.FirstRequest
	switch asked := x.asked.Load(); {
	case x.begun && x.requestEnd == 0 && !asked:
		x.requestEnd = first
	case x.begun && x.requestEnd == 0:
		x.requestEnd = now + x.limits.Request
	case !x.begun && !asked:
		return first, 0
	case !x.begun:
		return now + x.limits.Idle, x.limits.Idle / 4
	}
	return x.requestEnd, 0
}

// Write sends replies under the write limit.
func (x *exchange) Write(p []byte) (int, error) {
	if now := x.house.now(); x.writeBy < now+x.limits.Write {
		x.writeBy = now + 2*x.limits.Write
		x.Conn.SetWriteDeadline(x.house.at(x.writeBy))
	}
	n, err := x.conn.Write(p)
	if err != nil {
		x.writeErr = err
	}
	return n, err
}
