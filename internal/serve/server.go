package serve

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
)

// Handler answers one request.
//
// ServeRequest reads one request from r and writes its whole reply to w; it
// need not flush. Returning nil keeps the connection, an error ends it after
// what was written is sent; io.EOF ends it without complaint. The core calls
// it when the first byte is there, so inside a Server it never meets an end of
// file before a request; over plain bytes it returns io.EOF for that. After an
// error of r it should return that error and write nothing.
type Handler interface {
	ServeRequest(ctx context.Context, r *bufio.Reader, w *bufio.Writer) error
}

// HandlerFunc is a function as a Handler.
type HandlerFunc func(ctx context.Context, r *bufio.Reader, w *bufio.Writer) error

// ServeRequest calls f.
func (f HandlerFunc) ServeRequest(ctx context.Context, r *bufio.Reader, w *bufio.Writer) error {
	return f(ctx, r, w)
}

// ConnHandler serves a whole connection and returns when it is over.
//
// The core sets the read deadline to Limits.FirstRequest once; replacing it
// after that, and every other deadline, is up to ServeConn. The context ends
// when a stop has begun and Limits.LameDuck is over: ServeConn then finishes
// what it is at and returns; after Limits.Drain the connection is closed under
// it. The core closes conn in any case.
type ConnHandler interface {
	ServeConn(ctx context.Context, conn net.Conn)
}

// Server serves listeners. Its fields are set before the first use and not
// changed after; one Server may serve several listeners at a time.
type Server struct {
	Daemon      string      // the value of the label daemon: socketmap, tcptable, …
	Handler     Handler     // either this
	ConnHandler ConnHandler // or that
	Limits      Limits      // per listener
	Log         *slog.Logger
	Metrics     *Metrics // nil counts nowhere

	// Hurry, when it is closed, ends Limits.LameDuck; nil never does.
	Hurry <-chan struct{}
}

// Serve accepts connections on ln until ctx ends or ln is closed, drains, and
// returns when the last reply is out. It always closes ln, before the drain.
// The error tells of a Server that cannot serve, or of connections that had to
// be cut off when the drain time was over.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	house, err := s.open(ctx, ln)
	if err != nil {
		ln.Close()
		return fmt.Errorf("serve: %s: %w", s.Daemon, err)
	}
	house.accept(ctx, ln)
	if err := house.drain(); err != nil {
		return fmt.Errorf("serve: %s: %s: %w", s.Daemon, house.listener, err)
	}
	return nil
}

// open makes the house for one listener.
func (s *Server) open(ctx context.Context, ln net.Listener) (*house, error) {
	if (s.Handler == nil) == (s.ConnHandler == nil) {
		return nil, errors.New("a server has a Handler or a ConnHandler")
	}
	limits, err := s.Limits.filled()
	if err != nil {
		return nil, err
	}
	metrics, log := s.Metrics, s.Log
	if metrics == nil {
		metrics = NewMetrics(nil)
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	name := listenerName(ln)
	h := newHouse(ctx, limits, metrics.of(s.Daemon), log.With("daemon", s.Daemon, "listener", name))
	h.listener, h.hurry = name, s.Hurry
	if s.Handler != nil {
		h.floor = upper{s.Handler, h}
	} else {
		h.floor = lower{s.ConnHandler, h}
	}
	return h, nil
}

// listenerName spells an address as the configuration does.
func listenerName(ln net.Listener) string {
	a := ln.Addr()
	if a.Network() == "tcp" {
		return "inet:" + a.String()
	}
	return a.Network() + ":" + a.String()
}

type idKey struct{}

// ID returns the number that the log lines of a connection bear; it counts the
// connections of one listener from 1. It is 0 outside a connection.
func ID(ctx context.Context) uint64 {
	id, _ := ctx.Value(idKey{}).(uint64)
	return id
}
