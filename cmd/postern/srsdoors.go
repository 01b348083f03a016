package main

import (
	"context"
	"errors"
	"net"

	"postern/internal/config"
	"postern/internal/lookup"
	"postern/internal/serve"
	"postern/socketmap"
	"postern/srsd/milter"
	"postern/tcptable"
)

// errNoSRS is for connections that were open when a reload took SRS away.
var errNoSRS = errors.New("the srsd block was taken out of the configuration")

// addSRS opens the listeners of the srsd block. Their handlers set no time
// limit, which costs some percent of an answer: what can wait, the store and
// another daemon, has its own.
func (o *opener) addSRS(c *config.Config) {
	for _, l := range []struct {
		name  string
		at    config.Listener
		serve func(context.Context, net.Listener) error
	}{
		{"forward", c.SRSD.Forward, o.srsTable("forward", func(s *srsService) lookup.Map { return s.forward })},
		{"reverse", c.SRSD.Reverse, o.srsTable("reverse", func(s *srsService) lookup.Map { return s.reverse })},
		{"socketmap", c.SRSD.Socketmap, o.srsSocketmap()},
		{"milter", c.SRSD.Milter, o.srsMilter()},
	} {
		if l.at.At != "" {
			o.add("srsd "+l.name+" "+l.at.At, l.at, l.serve)
		}
	}
}

// srsTable answers on a tcp table as PostSRSd 1.x.
func (s *service) srsTable(name string, of func(*srsService) lookup.Map) func(context.Context, net.Listener) error {
	handler := classicHandler(name, lookup.Func(func(ctx context.Context, key string) (string, bool, error) {
		srs := s.current.Load().srs
		if srs == nil {
			return "", false, errNoSRS
		}
		return of(srs).Lookup(ctx, key)
	}))
	handler.Observer = tcptable.ObserverOf(s.works.lookups)
	handler.Log = s.log
	server := serve.Server{Daemon: "srsd", Log: s.log, Metrics: s.conns, Handler: handler}
	return server.Serve
}

// srsSocketmap answers on socketmap as PostSRSd 2.x.
func (s *service) srsSocketmap() func(context.Context, net.Listener) error {
	handler := modernHandler(func() lookup.Set {
		if srs := s.current.Load().srs; srs != nil {
			return srs.socketmap
		}
		return brokenSRS(errNoSRS)
	})
	handler.Observer = socketmap.ObserverOf(s.works.lookups)
	handler.Log = s.log
	server := serve.Server{Daemon: "srsd", Log: s.log, Metrics: s.conns, Handler: handler}
	return server.Serve
}

// srsMilter rewrites whole messages.
func (s *service) srsMilter() func(context.Context, net.Listener) error {
	server := serve.Server{
		Daemon: "srsd", Log: s.log, Metrics: s.conns,
		ConnHandler: &milter.Handler{
			Rules:    func() milter.Rules { return s.current.Load().milterRules() },
			Log:      s.log,
			Observer: s.works.milter,
			Decided:  s.works.recent.Add,
		},
	}
	return server.Serve
}
