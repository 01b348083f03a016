package postsrsd

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Endpoint is where a daemon listens, in the words of package net.
type Endpoint struct {
	Network string // unix, tcp, tcp4 or tcp6; empty: nowhere
	Address string // a path, or host:port; an empty host is every address of this machine
}

// maxSocketPath is what a sockaddr_un of Linux holds besides its NUL.
const maxSocketPath = 107

// ParseEndpoint reads an endpoint as PostSRSd 2.x writes it:
//
//	unix:PATH  local:PATH         a socket in the file system
//	inet:HOST:PORT  inet:[V6]:PORT
//	inet:*:PORT                   every address
//	inet:localhost:PORT  inet:PORT  the loopback addresses
//	inet4:…  inet6:…              one address family only
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
	host, port, err := splitInet(s)
	if err != nil {
		return Endpoint{}, err
	}
	if port == "" {
		return Endpoint{}, fmt.Errorf("the endpoint %s has no port: write inet:HOST:PORT", shown(s))
	}
	if err := checkPort(port); err != nil {
		return Endpoint{}, err
	}
	if host == "*" {
		host = ""
	}
	return Endpoint{network, net.JoinHostPort(host, port)}, nil
}

// splitInet cuts HOST:PORT at the first colon, as PostSRSd does, so an IPv6
// address needs its brackets. A port alone means loopback.
func splitInet(s string) (host, port string, err error) {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		host, rest, closed := strings.Cut(inner, "]")
		if !closed {
			return "", "", fmt.Errorf("the endpoint %s lacks the closing ]: write inet:[ADDRESS]:PORT", shown(s))
		}
		port, colon := strings.CutPrefix(rest, ":")
		if !colon {
			return "", "", fmt.Errorf("the endpoint %s lacks a colon behind the ]: write inet:[ADDRESS]:PORT", shown(s))
		}
		return nonEmptyHost(s, host, port)
	}
	host, port, found := strings.Cut(s, ":")
	if !found {
		return "localhost", s, nil
	}
	if strings.Contains(port, ":") {
		return "", "", fmt.Errorf("the endpoint %s has too many colons: write an IPv6 address in brackets, inet:[ADDRESS]:PORT", shown(s))
	}
	return nonEmptyHost(s, host, port)
}

func nonEmptyHost(s, host, port string) (string, string, error) {
	if host == "" {
		return "", "", fmt.Errorf("the endpoint %s has no host: write inet:*:PORT for every address, inet:PORT for loopback", shown(s))
	}
	return host, port, nil
}

// checkPort accepts a number, or a name for services(5), which is looked up
// when the daemon listens.
func checkPort(port string) error {
	if port == "" {
		return errors.New("the port is empty: write a number from 1 to 65535")
	}
	n, err := strconv.Atoi(port)
	if errors.Is(err, strconv.ErrRange) || err == nil && (n < 0 || n > 65535) {
		return fmt.Errorf("there is no port %s: write a number from 1 to 65535", shown(port))
	}
	if err != nil && strings.Trim(port, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.+") != "" {
		return fmt.Errorf("%s is no port: write a number from 1 to 65535", shown(port))
	}
	return nil
}

// IsZero reports whether there is nothing to listen on.
func (e Endpoint) IsZero() bool { return e == Endpoint{} }

// Listeners are the sockets that PostSRSd opens for the endpoint: two for
// localhost, since it listens on both loopback addresses. One of several may
// fail (a host without IPv6), as long as another works.
func (e Endpoint) Listeners() []Endpoint {
	host, port, err := net.SplitHostPort(e.Address)
	if e.Network == "unix" || err != nil || host != "localhost" {
		return []Endpoint{e}
	}
	v4 := Endpoint{"tcp4", net.JoinHostPort("127.0.0.1", port)}
	v6 := Endpoint{"tcp6", net.JoinHostPort("::1", port)}
	switch e.Network {
	case "tcp4":
		return []Endpoint{v4}
	case "tcp6":
		return []Endpoint{v6}
	}
	return []Endpoint{v4, v6}
}

// joinHostPort takes an IPv6 address with its brackets or without.
func joinHostPort(host, port string) string {
	return net.JoinHostPort(strings.Trim(host, "[]"), port)
}
