package main

import (
	"cmp"
	"net"
	"strconv"
	"strings"
)

// metricsAt is where metrics are by default.
const metricsAt = "inet:127.0.0.1:9725"

// metrics is where the metrics of the role are, if metrics.listen is at: there,
// or, for a daemon that runs alone, some ports behind it. All daemons read one
// file, and on one port the kernel would let a reader see now this one and now
// that one. A unix socket is taken as it is.
func (r role) metrics(at string) string {
	at = cmp.Or(at, metricsAt)
	address, inet := strings.CutPrefix(at, "inet:")
	host, text, err := net.SplitHostPort(address)
	if !inet || err != nil {
		return at
	}
	port, err := strconv.Atoi(text)
	if err != nil || port == 0 || port+r.aside > 65535 {
		return at
	}
	return "inet:" + net.JoinHostPort(host, strconv.Itoa(port+r.aside))
}
