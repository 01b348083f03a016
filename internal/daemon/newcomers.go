package daemon

import (
	"net"
	"net/http"
	"slices"
	"sync"
)

// newcomersMost is how many connections of an HTTP listener may be without
// their first request: half of httpConns, so that the others have the rest.
const newcomersMost = httpConns / 2

// newcomers are the connections that have not asked yet, oldest first. One too
// many costs the oldest its place: however many connect and stay silent, a
// scrape is answered.
type newcomers struct {
	mu    sync.Mutex
	conns []net.Conn
}

// watch is the ConnState of an http.Server.
func (n *newcomers) watch(conn net.Conn, state http.ConnState) {
	if oldest := n.note(conn, state); oldest != nil {
		oldest.Close()
	}
}

// note keeps the list, and returns the one that has to go, if any.
func (n *newcomers) note(conn net.Conn, state http.ConnState) (oldest net.Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if state != http.StateNew {
		if i := slices.Index(n.conns, conn); i >= 0 {
			n.conns = slices.Delete(n.conns, i, i+1)
		}
		return nil
	}
	if n.conns = append(n.conns, conn); len(n.conns) <= newcomersMost {
		return nil
	}
	oldest = n.conns[0]
	n.conns = slices.Delete(n.conns, 0, 1)
	return oldest
}
