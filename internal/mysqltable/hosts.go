package mysqltable

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// defaultSocket is where Debian's client library looks for the server.
const defaultSocket = "/run/mysqld/mysqld.sock"

const defaultPort = 3306

// listSeparators separate the members of a list in Postfix (CHARS_COMMA_SP).
const listSeparators = ", \t\r\n"

// host is one member of `hosts`, before the option file has its say.
type host struct {
	name string // name or address; a path if unix is true; empty: the library's default
	port int    // 0: the library's default
	unix bool
}

// parseHosts reads the list; an empty one is localhost.
func parseHosts(list string) ([]host, error) {
	members := strings.FieldsFunc(list, isListSeparator)
	if len(members) == 0 {
		members = []string{"localhost"}
	}
	var hosts []host
	for _, member := range members {
		h, err := parseHost(member)
		if err != nil {
			return nil, fmt.Errorf("host %q: %w", bounded(member), err)
		}
		hosts = append(hosts, h)
	}
	return hosts, nil
}

func isListSeparator(r rune) bool { return strings.ContainsRune(listSeparators, r) }

// parseHost reads unix:PATH, inet:HOST:PORT, HOST:PORT or HOST. The port is
// what follows the last colon (Postfix's dict_mysql.c: host_init).
func parseHost(member string) (host, error) {
	var h host
	h.name, h.unix = strings.CutPrefix(member, "unix:")
	if !h.unix {
		h.name = strings.TrimPrefix(h.name, "inet:")
	}
	if i := strings.LastIndexByte(h.name, ':'); i >= 0 {
		port, err := parsePort(h.name[i+1:])
		if err != nil {
			return host{}, err
		}
		h.name, h.port = h.name[:i], port
	}
	if strings.EqualFold(h.name, "localhost") {
		return host{unix: true, port: h.port}, nil
	}
	return h, h.check()
}

// check refuses what can never be connected to.
func (h host) check() error {
	switch {
	case h.unix && strings.Contains(h.name, ":"):
		return fmt.Errorf("a socket path must not contain ':'")
	case h.unix && h.name != "" && h.name[0] != '/':
		return fmt.Errorf("a socket path must be absolute: write unix:/run/mysqld/mysqld.sock")
	case h.unix:
		return nil
	case strings.HasPrefix(h.name, "["):
		return fmt.Errorf("brackets are no part of an address here: write ::1:3306")
	case strings.Contains(h.name, ":") && net.ParseIP(h.name) == nil:
		return fmt.Errorf("an IPv6 address needs its port: write ::1:3306")
	}
	return nil
}

// parsePort reads a number or a name of /etc/services.
func parsePort(s string) (int, error) {
	if s != "" && strings.Trim(s, "0123456789") == "" && strings.Trim(s, "0") != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n > 65535 {
			return 0, fmt.Errorf("port %s is above 65535", bounded(s))
		}
		return n, nil
	}
	n, err := net.DefaultResolver.LookupPort(context.Background(), "tcp", s)
	if err != nil || n == 0 || s == "" {
		return 0, fmt.Errorf("unknown service %q: write a port number or a name of /etc/services", bounded(s))
	}
	return n, nil
}

// addresses writes the hosts for store.Options, unix sockets first because
// Postfix prefers them. The option file fills the gaps as the MariaDB client
// library does in mysql_real_connect().
func addresses(hosts []host, o clientOptions) []string {
	var unix, inet []string
	for _, h := range hosts {
		if h.unix {
			unix = append(unix, h.addresses(o)...)
		} else {
			inet = append(inet, h.addresses(o)...)
		}
	}
	return append(unix, inet...)
}

func (h host) addresses(o clientOptions) []string {
	name, socket := h.name, ""
	if h.unix {
		name, socket = "", h.name
	}
	if name == "" {
		name = o.host
	}
	if socket == "" {
		socket = o.socket
	}
	if socket == "" {
		socket = defaultSocket
	}
	if (name == "" || name == "localhost") && !o.tcp {
		return []string{"unix:" + socket}
	}
	if name == "" {
		name = "localhost"
	}
	port := h.port
	if port == 0 {
		port = o.port
	}
	if port == 0 {
		port = defaultPort
	}
	var list []string
	for _, n := range strings.Split(name, ",") {
		list = append(list, net.JoinHostPort(n, strconv.Itoa(port)))
	}
	return list
}
