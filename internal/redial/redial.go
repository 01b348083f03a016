// Package redial keeps a few connections to one server for a client that asks
// one question at a time on each.
//
// # Life of a connection
//
// A connection is opened when a question needs one and kept for the next. It
// is used again only if it has been idle for less than ten seconds (as the
// socketmap client of Postfix does) and if the kernel holds nothing for it:
// an end of file means that the server has left, and bytes that nobody asked
// for mean that its replies are out of step.
//
// # One retry
//
// If the connection breaks during a question, the question is asked once more
// on a new one, so that a restart of the server does not show. A connection
// that cannot be opened, a time limit or a malformed reply is not retried: this
// too is what Postfix does (util/dict_sockmap.c). Questions must therefore be
// harmless to ask twice.
//
// # Bound
//
// At most Size questions are under way; others wait until their context ends.
// There are no goroutines: what is idle stays open until it is used or closed.
package redial

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

const (
	defaultSize = 8
	maxIdle     = 10 * time.Second // DICT_SOCKMAP_DEF_MAX_IDLE
)

// ErrClosed says that the pool was closed.
var ErrClosed = errors.New("client is closed")

// Exchange writes one request and reads its reply. The pool flushes nothing.
type Exchange func(r *bufio.Reader, w *bufio.Writer) error

// Pool holds the connections to one address.
type Pool struct {
	network, address string
	slots            chan struct{} // one token per question under way

	mu     sync.Mutex
	idle   []*conn // the last one used is the next one taken
	closed bool
}

type conn struct {
	net.Conn
	r     *bufio.Reader
	w     *bufio.Writer
	since time.Time // when it became idle
}

// New makes a pool of at most size connections (0: eight) to an address as
// net.Dial takes it. It opens none.
func New(network, address string, size int) *Pool {
	if size <= 0 {
		size = defaultSize
	}
	return &Pool{network: network, address: address, slots: make(chan struct{}, size)}
}

// Do runs ask on a connection. The context bounds all of it: the wait for a
// free slot, the connecting, the question.
func (p *Pool) Do(ctx context.Context, ask Exchange) error {
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return fmt.Errorf("wait for a free connection: %w", ctx.Err())
	}
	c, err := p.take(ctx)
	if err != nil {
		return err
	}
	err = p.run(ctx, c, ask)
	if !broken(err) || ctx.Err() != nil {
		return err
	}
	if c, err = p.dial(ctx); err != nil {
		return err
	}
	return p.run(ctx, c, ask)
}

// Close closes what is idle; what is busy is closed when its question ends.
func (p *Pool) Close() error {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	var errs []error
	for _, c := range idle {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// take gives an idle connection that is still good, or a new one.
func (p *Pool) take(ctx context.Context) (*conn, error) {
	for {
		c, err := p.pop()
		if err != nil {
			return nil, err
		}
		if c == nil {
			return p.dial(ctx)
		}
		if time.Since(c.since) < maxIdle && quiet(c.Conn) {
			return c, nil
		}
		_ = c.Close()
	}
}

func (p *Pool) pop() (*conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	last := len(p.idle) - 1
	if last < 0 {
		return nil, nil
	}
	c := p.idle[last]
	p.idle[last] = nil
	p.idle = p.idle[:last]
	return c, nil
}

func (p *Pool) dial(ctx context.Context) (*conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, p.network, p.address)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", withCause(ctx, err))
	}
	return &conn{Conn: c, r: bufio.NewReader(c), w: bufio.NewWriter(c)}, nil
}

// run asks on c, which it keeps if all went well and closes if not.
func (p *Pool) run(ctx context.Context, c *conn, ask Exchange) error {
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	err := ask(c.r, c.w)
	inTime := stop()
	if err != nil {
		_ = c.Close()
		return withCause(ctx, err)
	}
	if !inTime || c.r.Buffered() > 0 {
		_ = c.Close()
		return nil
	}
	p.keep(c)
	return nil
}

func (p *Pool) keep(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = c.Close()
		return
	}
	c.since = time.Now()
	p.idle = append(p.idle, c)
}

// withCause names the context as the reason of an I/O error that it caused.
func withCause(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return fmt.Errorf("%w (%v)", ctx.Err(), err)
}

// broken reports whether the connection ended under the question.
func broken(err error) bool {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}
