package main

import (
	"net"
	"strconv"
	"sync"
	"testing"

	"postern/internal/scratch"
)

// ports hands out free ports on loopback, none twice: what is free now may be
// found again before its first finder listens there.
type ports struct {
	mu    sync.Mutex
	taken map[int]bool
}

// next is a port that is free, and so are as many behind it.
func (p *ports) next(behind int) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		port, err := scratch.FreePort()
		if err != nil {
			return 0, err
		}
		if p.take(port, port+behind) {
			return port, nil
		}
	}
}

// take takes the ports from one to another, if all of them can be had.
func (p *ports) take(from, to int) bool {
	for port := from; port <= to; port++ {
		if p.taken[port] || !isFree(port) {
			return false
		}
	}
	if p.taken == nil {
		p.taken = map[int]bool{}
	}
	for port := from; port <= to; port++ {
		p.taken[port] = true
	}
	return true
}

func isFree(port int) bool {
	ln, err := net.Listen("tcp4", loopback(port))
	if err != nil {
		return false
	}
	return ln.Close() == nil
}

// address is a port with its host.
func (p *ports) address(t *testing.T) string {
	t.Helper()
	port, err := p.next(0)
	if err != nil {
		t.Fatal(err)
	}
	return loopback(port)
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// TestPorts: nobody gets a port that another has, nor one where somebody listens.
func TestPorts(t *testing.T) {
	p := &ports{}
	seen := map[int]bool{}
	for range 100 {
		port, err := p.next(4)
		if err != nil {
			t.Fatal(err)
		}
		for n := port; n <= port+4; n++ {
			if seen[n] {
				t.Fatalf("port %d is handed out twice", n)
			}
			seen[n] = true
		}
	}
	ln, err := net.Listen("tcp4", loopback(0))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if port := ln.Addr().(*net.TCPAddr).Port; p.take(port-2, port+2) {
		t.Errorf("somebody listens on port %d", port)
	}
}
