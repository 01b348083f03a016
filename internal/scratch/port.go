package scratch

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
)

// The ports below Linux's ephemeral range (ip_local_port_range, from 32768):
// no outgoing connection takes one while a server is between stop and start.
const (
	firstPort = 20000
	lastPort  = 32000
)

// reservePort finds a free TCP port on 127.0.0.1 and holds it until the
// listener is closed, which its user does just before the server starts.
func reservePort() (net.Listener, int, error) {
	for range 200 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		l, err := net.Listen("tcp4", loopback(port))
		if err == nil {
			return l, port, nil
		}
	}
	return nil, 0, errors.New("no free TCP port found on 127.0.0.1")
}

// loopback is the address of a port on this machine.
func loopback(port int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}
