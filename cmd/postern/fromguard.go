package main

import (
	"cmp"
	"context"
	"net"

	"postern/internal/config"
	builtin "postern/internal/maps"
	"postern/internal/serve"
	"postern/policyd/fromguard"
)

// addFromGuard opens the milter of the policyd block.
func (o *opener) addFromGuard(g *config.FromGuard) {
	if g != nil {
		o.add("policyd from-guard "+g.Listen.At, g.Listen, o.fromGuardServer())
	}
}

// fromGuardServer judges submitted messages.
func (s *service) fromGuardServer() func(context.Context, net.Listener) error {
	server := serve.Server{
		Daemon: "policyd", Log: s.log, Metrics: s.conns,
		ConnHandler: &fromguard.Handler{
			Guard:   func() *fromguard.Guard { return s.current.Load().fromGuard() },
			Log:     s.log,
			Metrics: s.works.guard,
			Decided: s.works.recent.Add,
		},
	}
	return server.Serve
}

// fromGuard is the guard in force; nil for connections that were open when a
// reload took the block away.
func (a *assembly) fromGuard() *fromguard.Guard {
	if a.policy == nil {
		return nil
	}
	return a.policy.guard
}

// openFromGuard makes the guard.
func (a *assembly) openFromGuard() (*fromguard.Guard, error) {
	g := a.config.Policyd.FromGuard
	if g == nil {
		return nil, nil
	}
	senders, err := a.policyMap(guardSenders(g))
	if err != nil {
		return nil, a.config.At("policyd.from_guard", err)
	}
	return fromguard.New(fromguard.Options{
		Senders: senders,
		Match:   fromguard.Match(g.Match),
		Mode:    fromguard.Mode(g.Mode),
		Modes: map[fromguard.Header]fromguard.Mode{
			fromguard.From: fromguard.Mode(g.From), fromguard.Sender: fromguard.Mode(g.Sender),
			fromguard.ReplyTo: fromguard.Mode(g.ReplyTo), fromguard.DisplayName: fromguard.Mode(g.DisplayName),
		},
	}), nil
}

// guardSenders is the map that the guard asks.
func guardSenders(g *config.FromGuard) string { return cmp.Or(g.Senders, builtin.SenderLoginMaps) }
