package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// question is a request and the reply that is right.
type question struct {
	ask, reply []byte

	// serial is where eight digits of the request are another number each time
	// that it is asked; 0: it is always the same.
	serial int
}

// crowd is a number of clients with persistent connections to one server, each
// of which asks when it has read the reply to the question before.
type crowd struct {
	conns     []net.Conn
	questions []question
	asked     int
	serial    atomic.Uint32
	wrong     atomic.Int64 // replies other than the right one
	example   atomic.Pointer[string]
}

func newCrowd(ctx context.Context, network, address string, clients int, questions []question) (*crowd, error) {
	c := &crowd{questions: questions}
	for range clients {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			c.close()
			return nil, err
		}
		c.conns = append(c.conns, conn)
	}
	return c, nil
}

func (c *crowd) close() {
	for _, conn := range c.conns {
		conn.Close()
	}
}

// slice is a side that asks for as long as d, and gives the answers per second.
func (c *crowd) slice(d time.Duration) side {
	return func(ctx context.Context) (float64, error) {
		var over atomic.Bool
		began := time.Now()
		defer time.AfterFunc(d, func() { over.Store(true) }).Stop()
		n, err := c.work(func(int) bool { return over.Load() || ctx.Err() != nil })
		return float64(n) / time.Since(began).Seconds(), err
	}
}

// askAll asks every question once.
func (c *crowd) askAll() error {
	n, err := c.work(func(i int) bool { return i >= len(c.questions) })
	if err == nil && n != len(c.questions) {
		err = fmt.Errorf("%d of %d questions were asked", n, len(c.questions))
	}
	return errors.Join(err, c.complaint())
}

// complaint is an error if a reply was wrong.
func (c *crowd) complaint() error {
	if n := c.wrong.Load(); n > 0 {
		return fmt.Errorf("%d replies were wrong: %s", n, *c.example.Load())
	}
	return nil
}

// work has all clients ask until done says so of the next question; they share
// the questions out among them, over and over.
func (c *crowd) work(done func(next int) bool) (int, error) {
	var all sync.WaitGroup
	counts, errs := make([]int, len(c.conns)), make([]error, len(c.conns))
	for i, conn := range c.conns {
		conn.SetDeadline(time.Now().Add(longest))
		all.Go(func() {
			buf := make([]byte, 64<<10)
			for next := i; !done(next) && errs[i] == nil; next += len(c.conns) {
				errs[i] = c.ask(conn, &c.questions[next%len(c.questions)], buf)
				counts[i]++
			}
		})
	}
	all.Wait()
	total := 0
	for _, n := range counts {
		total += n
	}
	c.asked += total
	return total, errors.Join(errs...)
}

// ask sends one question and reads its reply, which comes in one piece unless
// the kernel cuts it.
func (c *crowd) ask(conn net.Conn, q *question, buf []byte) error {
	if _, err := conn.Write(c.numbered(q, buf)); err != nil {
		return err
	}
	for n := 0; ; {
		got, err := conn.Read(buf[n:])
		n += got
		switch {
		case errors.Is(err, io.EOF):
			return fmt.Errorf("the server hung up after %.200q", buf[:n])
		case errors.Is(err, os.ErrDeadlineExceeded):
			return fmt.Errorf("no answer to %.200q", q.ask)
		case err != nil:
			return err
		case n < len(q.reply) && bytes.HasPrefix(q.reply, buf[:n]):
			continue
		case !bytes.Equal(buf[:n], q.reply):
			c.wrong.Add(1)
			text := fmt.Sprintf("%.200q was answered by %.200q", q.ask, buf[:n])
			c.example.CompareAndSwap(nil, &text)
		}
		return nil
	}
}

// numbered is what is sent to ask q; buf has room for it.
func (c *crowd) numbered(q *question, buf []byte) []byte {
	if q.serial == 0 {
		return q.ask
	}
	text := append(buf[:0], q.ask...)
	n := c.serial.Add(1)
	for i := range 8 {
		text[q.serial+i] = "0123456789ABCDEF"[n>>(28-4*i)&15]
	}
	return text
}
