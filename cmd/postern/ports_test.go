package main

import (
	"net"
	"strconv"
	"testing"

	"postern/internal/scratch"
)

// ports hands out ports on loopback that nobody else is given, in no program.
type ports struct{}

// next is a port that is free, and so are as many behind it.
func (*ports) next(behind int) (int, error) { return scratch.FreePorts(behind + 1) }

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
