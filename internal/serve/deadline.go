package serve

import (
	"errors"
	"os"
	"time"
)

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
		n, err := x.Conn.Read(p)
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
// has begun; the rest of it is waited for as ever.
func (x *exchange) mayFinish(err error) bool {
	if !x.begun || x.cause() != endDrained || !errors.Is(err, os.ErrDeadlineExceeded) || x.house.now() >= x.readBy {
		return false
	}
	x.readBy = 0 // it was overwritten
	return true
}

// armRead sets the read deadline where the one that is set does not do.
func (x *exchange) armRead(now time.Duration) {
	var by, slack time.Duration
	switch {
	case !x.asked.Load():
		by = x.accepted + x.limits.FirstRequest
	case x.begun:
		if x.requestEnd == 0 {
			x.requestEnd = now + x.limits.Request
		}
		by = x.requestEnd
	default:
		by, slack = now+x.limits.Idle, x.limits.Idle/4
	}
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
