package serve

import (
	"io"
	"net"
	"sync/atomic"
	"time"
)

// conn is a connection and what the house must know of it.
type conn struct {
	net.Conn
	wire     io.ReadWriter // the same, for reading and writing
	house    *house
	id       uint64
	accepted time.Duration
	asked    atomic.Bool  // a reply was sent
	waiting  atomic.Int64 // since when it waits for bytes of its peer; 0: it does not
	released atomic.Int32 // an end: why it should end
}

// Read keeps the books of the wait.
func (c *conn) Read(p []byte) (int, error) {
	c.waiting.Store(int64(c.house.now()))
	n, err := c.wire.Read(p)
	c.waiting.Store(0)
	return n, err
}

// Write takes a reply as the sign of one complete request.
func (c *conn) Write(p []byte) (int, error) {
	n, err := c.wire.Write(p)
	if !c.asked.Load() && n > 0 {
		c.asked.Store(true)
	}
	return n, err
}

// cause tells why the connection should end; endNone if it should not.
func (c *conn) cause() end {
	return end(c.released.Load())
}

// giveCause sets the cause if there was none.
func (c *conn) giveCause(why end) bool {
	return c.released.CompareAndSwap(int32(endNone), int32(why))
}

// cut ends the connection whatever it is at.
func (c *conn) cut(why end) {
	c.released.Store(int32(why))
	c.Conn.Close()
}

// past is a deadline that is over.
func past() time.Time {
	return time.Unix(1, 0)
}
