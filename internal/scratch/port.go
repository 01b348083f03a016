package scratch

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"
)

// The ports below Linux's ephemeral range (ip_local_port_range, from 32768):
// no outgoing connection takes one while a server is between stop and start.
const (
	firstPort = 20000
	lastPort  = 32000
)

// FreePort finds a TCP port on 127.0.0.1 that is free now, that no outgoing
// connection will take, and that nobody else is given here as long as this
// program runs: for services of one's own in PostfixOptions.Master.
func FreePort() (int, error) { return FreePorts(1) }

// FreePorts finds n such ports in a row and returns the first.
func FreePorts(n int) (first int, err error) {
	for range 200 {
		first := firstPort + rand.IntN(lastPort-firstPort-n)
		if free(first, n) {
			return first, nil
		}
	}
	return 0, errors.New("no free TCP port found on 127.0.0.1")
}

// free reports whether ports can be listened on and are ours now.
func free(first, n int) bool {
	for port := first; port < first+n; port++ {
		l, err := net.Listen("tcp4", loopback(port))
		if err != nil {
			return false
		}
		l.Close()
		if !claim(port) {
			return false
		}
	}
	return true
}

// claim makes a port ours among all programs that pick ports here, also while
// its server is between stop and start. The mark is the name of a unix(7)
// socket that is in no file system, which the kernel frees at our end.
func claim(port int) bool {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: fmt.Sprintf("@postern-scratch-%d", port)}); err != nil {
		syscall.Close(fd)
		return false
	}
	return true
}

// loopback is the address of a port on this machine.
func loopback(port int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}
