package serve

import "context"

// lower is the floor of a ConnHandler.
type lower struct {
	handler ConnHandler
	house   *house
}

func (l lower) serve(c *conn) (end, error) {
	if err := c.SetReadDeadline(l.house.at(c.accepted + l.house.limits.FirstRequest)); err != nil {
		return endError, err
	}
	l.handler.ServeConn(context.WithValue(l.house.stopping, idKey{}, c.id), c)
	switch c.cause() {
	case endNone:
		return endClosed, nil
	default:
		return c.cause(), nil
	}
}

// release leaves a drain to the context, which the ConnHandler watches.
func (l lower) release(c *conn, why end) {
	if c.giveCause(why) && why == endEvicted {
		c.Conn.Close()
	}
}
