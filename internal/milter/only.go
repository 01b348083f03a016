package milter

import "net"

// only is a listener that accepts one connection. go-milter's Server takes
// nothing but a listener, starts a goroutine for each connection and returns
// at the first error of Accept; here that comes when the connection is over.
type only struct {
	front *front
	given bool
}

// Accept returns the connection, and after its end net.ErrClosed.
func (l *only) Accept() (net.Conn, error) {
	if !l.given {
		l.given = true
		return l.front, nil
	}
	<-l.front.closed
	return nil, net.ErrClosed
}

// Close does nothing: the connection ends by itself.
func (l *only) Close() error { return nil }

// Addr is our side of the connection.
func (l *only) Addr() net.Addr { return l.front.LocalAddr() }
