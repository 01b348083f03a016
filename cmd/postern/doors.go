package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"postern/internal/config"
	"postern/internal/daemon"
	"postern/internal/lookup"
	"postern/internal/serve"
	"postern/socketmap"
	"postern/tcptable"
)

// answerWithin is the time a map has for an answer: that of one statement, or
// of one connect if that may take longer. Postfix waits 100 s
// (DICT_SOCKMAP_DEF_TIMEOUT, DICT_TCP_TMOUT), and its queue manager serves nobody
// else meanwhile.
func answerWithin(c *config.Config) time.Duration {
	return time.Duration(max(c.Database.ConnectTimeout, c.Database.StatementTimeout))
}

// door is one listener and what answers behind it.
type door struct {
	name     string
	listener net.Listener
	serve    func(ctx context.Context, ln net.Listener) error
	stop     context.CancelFunc
}

// open opens every listener of c that is not open yet. On an error nothing
// stays open that was not before.
func (s *service) open(c *config.Config) (map[string]*door, error) {
	o := &opener{service: s, doors: map[string]*door{}}
	if s.role.serves("socketmap") {
		for _, l := range c.Socketmap.Listen {
			o.add("socketmap "+l.At, l, s.socketmapServer(c))
		}
	}
	if s.role.serves("tcptable") {
		for _, t := range c.TCPTable {
			o.add("tcptable "+t.Map+" "+t.Listen.At, t.Listen, s.tcptableServer(c, t.Map))
		}
	}
	if s.role.serves("srsd") && c.SRSD != nil {
		o.addSRS(c)
	}
	if s.role.serves("policyd") && c.Policyd != nil {
		o.addPolicyd(c)
	}
	if len(o.doors) == 0 && len(o.errs) == 0 {
		return nil, errNothing(s.role)
	}
	o.addMetrics(c)
	o.addControl(c)
	if err := errors.Join(o.errs...); err != nil {
		for key, d := range o.doors {
			if s.doors[key] == nil && d.listener != nil {
				d.listener.Close()
			}
		}
		return nil, err
	}
	return o.doors, nil
}

// opener collects the doors of one configuration.
type opener struct {
	*service
	doors map[string]*door
	errs  []error
}

// add takes over the door of that key or opens a new one.
func (o *opener) add(key string, l config.Listener, serve func(context.Context, net.Listener) error) {
	if d := o.service.doors[key]; d != nil {
		o.doors[key] = d
		return
	}
	ln, err := o.sockets.Listen(l.Spec())
	if err != nil {
		o.errs = append(o.errs, err)
		return
	}
	o.doors[key] = &door{name: key, listener: ln, serve: serve}
}

// addMetrics opens the HTTP listener of those who watch.
func (o *opener) addMetrics(c *config.Config) {
	l := c.Metrics.Listen
	if l.At == config.Off {
		return
	}
	l.At = o.role.metrics(l.At)
	admin := daemon.Admin{Gatherer: o.metrics, Ready: o.ready, Page: o.statusPage(l.At), WebConfig: c.Metrics.WebConfig, Log: o.log}
	if err := admin.Validate(); err != nil {
		o.errs = append(o.errs, err)
		return
	}
	key := strings.TrimSpace("metrics " + l.At + " " + c.Metrics.WebConfig)
	o.add(key, l, admin.Serve)
	if d := o.doors[key]; d != nil {
		o.warnAsk(c.Metrics, d.listener.Addr())
	}
}

// controlRetry is the pause before the control socket is tried again: at a
// restart that overlaps, the old process still holds it.
const controlRetry = 2 * time.Second

// addControl opens the control socket. The daemon can do without.
func (o *opener) addControl(c *config.Config) {
	key := "control " + c.Control
	if c.Control == "" {
		return
	}
	if d := o.service.doors[key]; d != nil {
		o.doors[key] = d
		return
	}
	listen := func() (net.Listener, error) { return o.sockets.ListenControl(c.Control, o.role.name) }
	ln, err := listen()
	if err != nil {
		o.log.Warn("no control socket: query --explain, flush and accept-snapshot cannot reach this daemon; trying again", "error", err)
	}
	control := daemon.Control{Handler: o.controlHandler(), Log: o.log}
	o.doors[key] = &door{name: key, listener: ln, serve: func(ctx context.Context, ln net.Listener) error {
		for ln == nil {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(controlRetry):
				ln, _ = listen() // the first failure was logged
			}
		}
		return control.Serve(ctx, ln)
	}}
}

// start serves a door until the process drains or the door is stopped.
func (s *service) start(d *door) {
	ctx, stop := context.WithCancel(s.ctx)
	d.stop = stop
	if d.listener != nil {
		s.log.Info("listening", "listener", d.name)
	}
	s.group.Go(func() error {
		defer stop()
		if err := d.serve(ctx, d.listener); err != nil {
			return fmt.Errorf("%s: %w", d.name, err)
		}
		return nil
	})
}

// socketmapServer answers for every map by its name.
func (s *service) socketmapServer(c *config.Config) func(context.Context, net.Listener) error {
	server := serve.Server{
		Daemon: "socketmap", Log: s.log, Metrics: s.conns,
		Handler: &socketmap.Handler{
			Maps:     func() lookup.Set { return s.current.Load().asked },
			Timeout:  answerWithin(c),
			Observer: socketmap.ObserverOf(s.works.lookups),
			Log:      s.log,
		},
	}
	return server.Serve
}

// tcptableServer answers for the map of one listener.
func (s *service) tcptableServer(c *config.Config, name string) func(context.Context, net.Listener) error {
	server := serve.Server{
		Daemon: "tcptable", Log: s.log, Metrics: s.conns,
		Handler: &tcptable.Handler{
			Name: name,
			Map: lookup.Func(func(ctx context.Context, key string) (string, bool, error) {
				return s.current.Load().asked[name].Lookup(ctx, key)
			}),
			Timeout:  answerWithin(c),
			Observer: tcptable.ObserverOf(s.works.lookups),
			Log:      s.log,
		},
	}
	return server.Serve
}
