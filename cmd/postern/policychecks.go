package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"time"

	"postern/internal/config"
	"postern/internal/lookup"
	builtin "postern/internal/maps"
	"postern/policyd"
	"postern/policyd/bans"
	"postern/policyd/greylist"
	"postern/policyd/spf"
	"postern/policyd/srsguard"
	"postern/srsd"
)

// policyLinks makes every check that some chain names, in an order in which
// one can ask another.
func (a *assembly) policyLinks() (map[string]policyd.Link, error) {
	p := a.config.Policyd
	links := map[string]policyd.Link{}
	for _, known := range []struct {
		name     string
		settings config.Check
		open     func() (policyd.Check, error)
	}{
		{"srs", p.SRS, a.srsCheck},
		{"bans", p.Bans.Check, a.bansCheck},
		{"spf", p.SPF.Check, a.spfCheck},
		{"greylist", failing(p.Greylist.Check, policyd.FailOpen), a.greylistCheck},
		{"rate_limits", config.Check{}, a.limitCheck},
	} {
		if !hasCheck(p, known.name) {
			continue
		}
		check, err := known.open()
		if err != nil {
			return nil, a.config.At("policyd."+known.name, err)
		}
		if links[known.name], err = a.works.policyLink(known.name, check, known.settings); err != nil {
			return nil, fmt.Errorf("policyd.%s: %w", known.name, err)
		}
	}
	return links, nil
}

// failing is c with what it does in trouble, unless that is configured.
func failing(c config.Check, fail policyd.Fail) config.Check {
	c.Fail = cmp.Or(c.Fail, string(fail))
	return c
}

// policyLink puts the settings around a check.
func (w *works) policyLink(name string, check policyd.Check, c config.Check) (policyd.Link, error) {
	scope, err := policyScope(c)
	return w.policy.Counted(policyd.Link{Name: name, Check: check, Mode: policyMode(c), Fail: policyd.Fail(c.Fail), Scope: scope}), err
}

func policyMode(c config.Check) policyd.Mode {
	if c.Mode == "" {
		return policyd.Enforce
	}
	return policyd.Mode(c.Mode)
}

// policyScope is what a check or a rule is limited to.
func policyScope(c config.Check) (policyd.Scope, error) {
	clients, err := policyd.ParseNetworks(c.Clients)
	s := policyd.Scope{States: c.States, Contexts: c.Contexts, Clients: clients, Logins: c.Logins}
	for _, l := range c.Listeners {
		s.Listeners = append(s.Listeners, l.At)
	}
	return s, err
}

// srsCheck asks the map srs-recipients: of this process, or of the srsd that
// runs alone.
func (a *assembly) srsCheck() (policyd.Check, error) {
	o := srsguard.Options{Inbound: srsguard.Inbound(a.config.Policyd.SRSInbound), Recipients: a.set[srsd.MapRecipients]}
	if a.config.SRSD == nil { // no address is ours
		o.Recipients = lookup.Func(func(context.Context, string) (string, bool, error) { return "", false, nil })
	} else {
		o.AnySender = a.config.SRSD.AnyBounces()
	}
	check, err := srsguard.New(o)
	a.policy.srs = check
	return check, err
}

// bansCheck reads the table of bans in memory.
func (a *assembly) bansCheck() (policyd.Check, error) {
	if a.tables == nil {
		return nil, errors.New("bans: no database is configured: add a database block, whose table api_bans is read, or take bans out of the chains")
	}
	settings := a.config.Policyd.Bans
	o := bans.Options{
		Table: a.tables.tables["api_bans"], Apply: banned(settings), Delimiter: a.config.RecipientDelimiter,
		Now: a.works.policyNow, Log: a.works.log, Metrics: a.works.bans,
	}
	if w := a.walker(); w != nil {
		o.Hosted, o.Destinations = w.Hosted, w.Destinations
	}
	if settings.MX == "names" || settings.MX == "addresses" {
		mx, err := bans.NewMX(bans.MXOptions{Resolver: a.resolver(), Addresses: settings.MX == "addresses", Now: a.works.policyNow, Metrics: a.works.bans})
		if err != nil {
			return nil, err
		}
		o.MX = mx
	}
	check, err := bans.New(o)
	if err != nil && o.Hosted == nil && a.works.role.name == "policyd" {
		err = fmt.Errorf("%w: policyd alone asks the socketmap daemon for them, so add socketmap.listen", err)
	}
	return check, err
}

// banned is which kinds of ban act on what, where the configuration says so.
func banned(b config.Bans) map[bans.Place][]bans.Kind {
	apply := map[bans.Place][]bans.Kind{}
	for place, words := range map[bans.Place][]string{
		bans.Sender: b.Sender, bans.Recipient: b.Recipient, bans.Destination: b.Destination, bans.Client: b.Client, bans.Helo: b.Helo,
	} {
		if words == nil {
			continue
		}
		kinds := []bans.Kind{}
		for _, word := range words {
			kinds = append(kinds, bans.Kind(word))
		}
		apply[place] = kinds
	}
	return apply
}

// resolver is the DNS of the configuration.
func (a *assembly) resolver() *net.Resolver {
	server := a.config.Policyd.Resolver
	if server == "" {
		return &net.Resolver{PreferGo: true} // getaddrinfo(3) heeds no time limit
	}
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, server)
	}}
}

func (a *assembly) spfCheck() (policyd.Check, error) {
	s := a.config.Policyd.SPF
	skip, err := policyd.ParseNetworks(s.SkipClients)
	if err != nil {
		return nil, err
	}
	o := spf.Options{
		Actions: map[spf.Result]spf.Act{}, Header: s.Header == nil || *s.Header, Host: a.config.Postfix.MyHostname,
		SkipClients: skip, SkipSenders: s.SkipSenders, Resolver: a.resolver(), Timeout: time.Duration(s.Timeout),
		Now: a.works.policyNow, Metrics: a.works.spf, Log: a.works.log,
	}
	if o.Host == "" {
		o.Host = hostName()
	}
	for result, act := range s.Results {
		o.Actions[spf.Result(result)] = spf.Act(act)
	}
	check, err := spf.New(o)
	a.policy.spf = check
	return check, err
}

func (a *assembly) greylistCheck() (policyd.Check, error) {
	g := a.config.Policyd.Greylist
	networks, domains := g.Skipped()
	skip, err := policyd.ParseNetworks(networks)
	if err != nil {
		return nil, err
	}
	o := greylist.Options{
		Store: a.policy.state.greylist,
		Delay: time.Duration(g.Delay), RetryWindow: time.Duration(g.RetryWindow),
		PassLifetime: time.Duration(g.Lifetime), AutoPassLifetime: time.Duration(g.Lifetime),
		AutoPass: g.AutoPass, IPv4Bits: g.IPv4Prefix, IPv6Bits: g.IPv6Prefix, Pools: g.Pools,
		Delimiter: a.config.RecipientDelimiter, SkipClients: skip, SkipClientDomains: domains, SkipSenders: g.SkipSenders,
		Host: hostName(), Metrics: a.works.greylist, Log: a.works.log,
	}
	if w := a.walker(); w != nil {
		o.Owner = w.Destinations
	}
	if a.policy.spf != nil && policyMode(a.config.Policyd.SPF.Check) != policyd.Off {
		o.SenderDomain = a.policy.spf.SenderDomain
	}
	if a.policy.srs != nil {
		o.SRSRecipient = a.policy.srs.Valid
	}
	if o.Recipients, err = a.policyMap(g.Recipients); err != nil {
		return nil, fmt.Errorf("greylist.recipients: %w", err)
	}
	check, err := greylist.New(o)
	a.policy.greylist = check
	return check, err
}

// policyMap is a map that the policyd block names; nil for none.
func (a *assembly) policyMap(name string) (lookup.Map, error) {
	if name == "" {
		return nil, nil
	}
	if m := a.set[name]; m != nil {
		return m, nil
	}
	return nil, fmt.Errorf("map %q: nobody can be asked for it: add socketmap.listen", name)
}

// walker is how policyd follows aliases: in the tables of this process, or by
// asking the socketmap daemon. Nil: there are none to ask.
func (a *assembly) walker() *builtin.Walker {
	alone := a.works.role.name == "policyd"
	name := cmp.Or(a.config.Policyd.Aliases, builtin.Virtual)
	aliases, domains := a.set[name], a.set[builtin.VirtualDomains]
	switch {
	case aliases != nil && name != builtin.Virtual && !a.hasDatabase():
		return &builtin.Walker{Step: aliases, Hosted: nothingHosted}
	case aliases == nil || domains == nil || !alone && a.tables == nil:
		return nil
	case !alone && name == builtin.Virtual:
		return a.tables.builtIn.Walker()
	}
	return &builtin.Walker{Step: aliases, Hosted: hostedBy(domains)}
}

// nothingHosted is for sites without the built-in maps: an address may stay at
// any domain, since nobody says which ones have no mailboxes.
func nothingHosted(context.Context, string) (bool, error) { return false, nil }

// hostName tells the messages of this host from those of others: instance is
// unique on one host only.
func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}

// hasCheck reports whether some chain has the check.
func hasCheck(p *config.Policyd, name string) bool {
	if slices.Contains(defaultChain(p), name) {
		return true
	}
	for _, chain := range p.Chains {
		if slices.Contains(chain, name) {
			return true
		}
	}
	return false
}

// defaultChain is the chain of requests without a context of their own.
func defaultChain(p *config.Policyd) []string {
	if p.Checks == nil && p.Chains == nil {
		return []string{"srs", "bans", "rate_limits"}
	}
	return p.Checks
}
