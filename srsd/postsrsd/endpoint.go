package postsrsd

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
)

// Endpoint is where a daemon listens, in the words of package net.
type Endpoint struct {
	Network string // unix, tcp, tcp4 or tcp6; empty: nowhere
	Address string // a path, or host:port with a number; without a host, every address of this machine
}

// IsZero reports whether there is nothing to listen on.
func (e Endpoint) IsZero() bool { return e == Endpoint{} }

// String spells the endpoint as Postfix does: unix:PATH or inet:HOST:PORT;
// empty if there is none.
func (e Endpoint) String() string {
	port, everywhere := strings.CutPrefix(e.Address, ":")
	switch {
	case e.IsZero():
		return ""
	case e.Network == "unix":
		return "unix:" + e.Address
	case !everywhere:
		return "inet:" + e.Address
	case e.Network == "tcp4":
		return "inet:0.0.0.0:" + port
	}
	return "inet:[::]:" + port
}

// Listeners are the sockets that PostSRSd opens for the endpoint: for
// localhost both loopback addresses, of which one may fail (a host without
// IPv6) as long as the other works. A relative path is one from the folder
// that the process is in.
func (e Endpoint) Listeners() []Endpoint {
	if e.Network == "unix" {
		if path, err := filepath.Abs(e.Address); err == nil {
			return []Endpoint{{"unix", path}}
		}
		return []Endpoint{e}
	}
	port, local := strings.CutPrefix(e.Address, "localhost:")
	if !local {
		return []Endpoint{e}
	}
	v4, v6 := Endpoint{"tcp4", "127.0.0.1:" + port}, Endpoint{"tcp6", "[::1]:" + port}
	switch e.Network {
	case "tcp4":
		return []Endpoint{v4}
	case "tcp6":
		return []Endpoint{v6}
	}
	return []Endpoint{v4, v6}
}

// ParseEndpoint reads an endpoint as PostSRSd 2.x writes it:
//
//	unix:PATH  local:PATH           a socket in the file system
//	inet:HOST:PORT  inet:[V6]:PORT  the addresses of a host
//	inet:*:PORT                     every address
//	inet:localhost:PORT  inet:PORT  the loopback addresses
//	inet4:…  inet6:…                of one address family only
//
// PORT is a number or a name of services(5).
func ParseEndpoint(s string) (Endpoint, error) {
	scheme, rest, _ := strings.Cut(s, ":")
	switch scheme {
	case "unix", "local":
		return unixEndpoint(rest)
	case "inet":
		return inetEndpoint("tcp", rest)
	case "inet4":
		return inetEndpoint("tcp4", rest)
	case "inet6":
		return inetEndpoint("tcp6", rest)
	}
	return Endpoint{}, fmt.Errorf("%s is no endpoint: write unix:PATH or inet:HOST:PORT", shown(s))
}

// maxSocketPath is what sun_path of unix(7) holds besides its NUL.
const maxSocketPath = 107

func unixEndpoint(path string) (Endpoint, error) {
	switch {
	case path == "":
		return Endpoint{}, errors.New("the endpoint has no path: write unix:PATH")
	case len(path) > maxSocketPath:
		return Endpoint{}, fmt.Errorf("the path of the socket has %d bytes: %d is the most", len(path), maxSocketPath)
	case strings.ContainsRune(path, 0):
		return Endpoint{}, errors.New("the path of the socket has a NUL in it")
	}
	return Endpoint{"unix", path}, nil
}

func inetEndpoint(network, s string) (Endpoint, error) {
	host, service, err := splitInet(s)
	if err != nil {
		return Endpoint{}, fmt.Errorf("the endpoint %s %w", shown(s), err)
	}
	port, err := parsePort(service)
	if err != nil {
		return Endpoint{}, fmt.Errorf("the endpoint %s: %w", shown(s), err)
	}
	if host == "*" {
		host = ""
	}
	return tcpEndpoint(network, host, port), nil
}

func tcpEndpoint(network, host string, port int) Endpoint {
	return Endpoint{network, net.JoinHostPort(host, strconv.Itoa(port))}
}

// splitInet cuts HOST:PORT at the first colon, as PostSRSd does, so an IPv6
// address needs its brackets. A port alone means loopback.
func splitInet(s string) (host, port string, err error) {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		host, rest, closed := strings.Cut(inner, "]")
		port, colon := strings.CutPrefix(rest, ":")
		if !closed || !colon || host == "" {
			return "", "", errors.New("has a [ and no ADDRESS]:PORT behind it: write inet:[ADDRESS]:PORT")
		}
		return host, port, nil
	}
	host, port, found := strings.Cut(s, ":")
	switch {
	case !found:
		return "localhost", s, nil
	case host == "":
		return "", "", errors.New("has no host: write inet:*:PORT for every address, inet:PORT for loopback")
	case strings.Contains(port, ":"):
		return "", "", errors.New("has too many colons: write an IPv6 address in brackets, inet:[ADDRESS]:PORT")
	}
	return host, port, nil
}

// parsePort reads a port: a number, or a name of services(5).
func parsePort(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err == nil && 0 <= n && n <= 65535 {
		return n, nil
	}
	if err == nil || errors.Is(err, strconv.ErrRange) || s == "" {
		return 0, fmt.Errorf("%s is no port: write a number from 1 to 65535", shown(s))
	}
	n, err = net.LookupPort("tcp", s)
	if err != nil {
		return 0, fmt.Errorf("%s is no port, and no service that /etc/services knows: write a number from 1 to 65535", shown(s))
	}
	return n, nil
}
