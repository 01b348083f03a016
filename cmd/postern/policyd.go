package main

import (
	"cmp"
	"context"
	"net"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/config"
	"postern/internal/serve"
	"postern/policyd"
	"postern/policyd/fromguard"
	"postern/policyd/greylist"
	"postern/policyd/spf"
	"postern/policyd/srsguard"
)

func newPolicyd() *cobra.Command {
	return newDaemon(role{name: "policyd", aside: 3}, "Run the policy daemon alone")
}

// policyIdle exceeds the time after which Postfix hangs up by itself
// (smtpd_policy_service_max_ttl, 1000s): a policy server that closes first costs
// a second, or, with try_limit=1, the answer to one request.
const policyIdle = 1100 * time.Second

// policyLameDuck is smtpd_policy_service_max_ttl: Postfix has left by then.
const policyLameDuck = 1000 * time.Second

// addPolicyd opens the listeners of the policyd block.
func (o *opener) addPolicyd(c *config.Config) {
	for _, l := range c.Policyd.Listen {
		o.add("policyd "+l.At, l, o.policyServer(c.Policyd, l))
	}
	o.addFromGuard(c.Policyd.FromGuard)
}

// policyServer answers policy requests on one listener.
func (s *service) policyServer(p *config.Policyd, l config.Listener) func(context.Context, net.Listener) error {
	handler := &policyd.Handler{
		Policy:   func() *policyd.Policy { return s.current.Load().policyChains() },
		Listener: l.At,
		Metrics:  s.works.policy,
		Log:      s.log,
		Tap:      &s.works.recorder,
		Recent:   s.works.recent,
	}
	return func(ctx context.Context, ln net.Listener) error {
		hurry := make(chan struct{})
		server := serve.Server{
			Daemon: "policyd", Log: s.log, Metrics: s.conns, Handler: handler, Hurry: hurry,
			Limits: serve.Limits{Idle: policyIdle, Spare: policyIdle, LameDuck: cmp.Or(time.Duration(p.LameDuck), policyLameDuck)},
		}
		s.current.Load().awaitBans(ctx)
		handedOver := s.sockets.HandedOver(l.Spec())
		defer context.AfterFunc(ctx, func() {
			if handedOver || !succeeded(ln.Addr()) {
				close(hurry)
				return
			}
			if a := s.current.Load(); a.policy != nil && s.ctx.Err() != nil {
				a.policy.state.handOver()
			}
		})()
		return server.Serve(ctx, ln)
	}
}

// A successor that shares the port can be found by connecting when our own
// listener is closed.
const (
	successorAfter = 200 * time.Millisecond
	successorProbe = time.Second
)

// succeeded reports whether another process listens where we did. Only then do
// connections stay open until Postfix leaves: without a successor the service
// would be away for as long as the last one lasts, since a service manager
// starts nothing before this process has ended.
func succeeded(at net.Addr) bool {
	time.Sleep(successorAfter)
	conn, err := net.DialTimeout(at.Network(), at.String(), successorProbe)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// policyService is the policy of one assembly.
type policyService struct {
	policy  *policyd.Policy
	state   *policyState
	guard   *fromguard.Guard // nil without a from_guard block
	listens string           // the listener that a request of the command line is taken to come by

	srs      *srsguard.Check // nil, as the others, where no chain has it
	spf      *spf.Check
	greylist *greylist.Check
}

// openPolicy makes the chains.
func (a *assembly) openPolicy(before *assembly) error {
	p := a.config.Policyd
	if p == nil || !a.works.role.serves("policyd") {
		return nil
	}
	state, err := a.openPolicyState(before)
	if err != nil {
		return badConfig(err)
	}
	s := &policyService{state: state, policy: &policyd.Policy{Chains: map[string][]policyd.Link{}, Metrics: a.works.policy}}
	if len(p.Listen) > 0 {
		s.listens = p.Listen[0].At
	}
	a.policy = s
	links, err := a.policyLinks()
	if err != nil {
		return badConfig(err)
	}
	chain := func(names []string) (out []policyd.Link) {
		for _, name := range names {
			out = append(out, links[name])
		}
		return out
	}
	for name, checks := range p.Chains {
		s.policy.Chains[name] = chain(checks)
	}
	s.policy.Default = chain(defaultChain(p))
	a.warnLimits()
	if s.guard, err = a.openFromGuard(); err != nil {
		return badConfig(err)
	}
	return nil
}

// bansWithin is how long a start without a disk copy waits for the bans. Who
// connects meanwhile waits in the queue of the kernel, and not for nothing.
const bansWithin = 2 * time.Second

// awaitBans waits for the table that a policy cannot be judged without.
func (a *assembly) awaitBans(ctx context.Context) {
	if a.bansNeeded() {
		a.tables.await(ctx, bansWithin, "api_bans")
	}
}

func (a *assembly) bansNeeded() bool {
	return a.policy != nil && a.tables != nil && hasCheck(a.config.Policyd, "bans")
}

// warnLimits names rules that nothing is ever counted by, because no chain that
// they are for has the check.
func (a *assembly) warnLimits() {
	p := a.config.Policyd
	for _, rule := range p.RateLimits {
		asked := len(rule.Contexts) == 0 && hasCheck(p, "rate_limits")
		for _, name := range rule.Contexts {
			asked = asked || slices.Contains(p.Chains[name], "rate_limits")
		}
		if !asked {
			a.works.log.Warn("a rate limit counts nothing: no chain that it is for has the check rate_limits; add it there", "rule", rule.Name, "contexts", rule.Contexts)
		}
	}
}

// retirePolicy ends what the assembly after has not taken over.
func (a *assembly) retirePolicy(after *assembly) error {
	if a.policy == nil {
		return nil
	}
	if a.policy.spf != nil {
		a.policy.spf.Close()
	}
	if after == nil || after.policy == nil || after.policy.state != a.policy.state {
		return a.policy.state.stop()
	}
	return nil
}

// policyChains are the chains in force; none, so that all is DUNNO, for
// connections that were open when a reload took the policyd block away.
func (a *assembly) policyChains() *policyd.Policy {
	if a.policy == nil {
		return &policyd.Policy{}
	}
	return a.policy.policy
}
