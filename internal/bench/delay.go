package main

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// delayLine is a TCP proxy that holds back each byte for a time in either
// direction, as distance does.
type delayLine struct {
	ln     net.Listener
	target string
	delay  time.Duration

	mu     sync.Mutex
	closed bool
	conns  map[net.Conn]struct{}
	all    sync.WaitGroup
}

func newDelayLine(target string, delay time.Duration) (*delayLine, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &delayLine{ln: ln, target: target, delay: delay, conns: map[net.Conn]struct{}{}}
	d.all.Go(d.accept)
	return d, nil
}

func (d *delayLine) addr() string { return d.ln.Addr().String() }

// close ends all connections.
func (d *delayLine) close() {
	d.ln.Close()
	d.mu.Lock()
	d.closed = true
	for c := range d.conns {
		c.Close()
	}
	d.mu.Unlock()
	d.all.Wait()
}

func (d *delayLine) accept() {
	for {
		near, err := d.ln.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", d.target)
		if err != nil {
			near.Close()
			continue
		}
		if !d.keep(near, far) {
			return
		}
		d.all.Go(func() { d.carry(far, near) })
		d.all.Go(func() { d.carry(near, far) })
	}
}

// keep remembers a pair of connections for close.
func (d *delayLine) keep(pair ...net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range pair {
		if d.closed {
			c.Close()
		}
		d.conns[c] = struct{}{}
	}
	return !d.closed
}

// parcel is bytes on their way.
type parcel struct {
	due  time.Time
	data []byte
	err  error // the end
}

// carry moves bytes from one end to the other. What is on the way is bounded
// by the number of parcels; a full line holds up the sender, as a window does.
func (d *delayLine) carry(to, from net.Conn) {
	line := make(chan parcel, 4096)
	d.all.Go(func() {
		defer to.Close()
		for p := range line {
			time.Sleep(time.Until(p.due))
			if p.err != nil {
				return
			}
			if _, err := to.Write(p.data); err != nil {
				from.Close() // ends the reader, which ends the line
			}
		}
	})
	defer close(line)
	for buf := make([]byte, 64<<10); ; {
		n, err := from.Read(buf)
		if n > 0 {
			line <- parcel{due: time.Now().Add(d.delay), data: append([]byte(nil), buf[:n]...)}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				to.Close()
			}
			line <- parcel{due: time.Now().Add(d.delay), err: err}
			return
		}
	}
}
