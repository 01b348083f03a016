package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"

	"postern/internal/config"
	"postern/internal/lookup"
	builtin "postern/internal/maps"
	"postern/srsd"
	"postern/srsd/envelope"
	"postern/srsd/postsrsd"
	"postern/srsd/srs"
)

// srsService is the SRS of one assembly.
type srsService struct {
	config *config.SRSD
	engine *srsd.Engine
	store  *envelope.Store // nil: none is configured

	forward, reverse lookup.Map // of the tcp tables, as PostSRSd 1.x
	set              lookup.Set // for every listener of postern
	socketmap        lookup.Set // for the daemon's own: the maps of PostSRSd 2.x as well
}

// newSRS reads the secrets and makes the engine. The store of before is taken
// over if it is the same.
func newSRS(ctx context.Context, c *config.Config, w *works, before *srsService) (*srsService, error) {
	s := &srsService{config: c.SRSD}
	path, err := c.SRSD.SecretsPath()
	if err != nil {
		return nil, badConfig(c.At("srsd.secrets_file", err))
	}
	secrets, err := srsd.ReadDatedSecrets(path, w.now())
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w: this process runs as user %d, which must be able to read it, by way of a group (mode 0640) or as the owner", err, os.Geteuid())
	}
	if err != nil {
		return nil, badConfig(c.At("srsd.secrets_file", err))
	}
	rewriter, err := srs.New(rewriterOptions(c.SRSD))
	if err != nil {
		return nil, badConfig(fmt.Errorf("srsd: %w", err))
	}
	local, err := postsrsd.NewDomains(localDomains(c))
	if err != nil {
		return nil, badConfig(fmt.Errorf("srsd.local_domains: %w", err))
	}
	s.engine = &srsd.Engine{
		Rewriter:  rewriter,
		Ring:      srsd.NewRing(secrets),
		Domain:    c.SRSD.Domain,
		Now:       w.now,
		Local:     local,
		Alias:     envelope.Alias,
		OwnDomain: true,
		Metrics:   w.srs,
	}
	if c.SRSD.Store == "" {
		return s, nil
	}
	if s.store, err = openEnvelopes(ctx, c.SRSD.Store, w, before); err != nil {
		return nil, badConfig(err)
	}
	s.engine.Store, s.engine.Envelope = s.store, srsd.Hybrid
	return s, nil
}

// rewriterOptions are those of the native face: hashes without characters that
// receivers refuse, and the clock of another host may be ahead.
func rewriterOptions(c *config.SRSD) srs.Options {
	o := srs.Options{
		Domain:     c.Domain,
		Alphabet:   srs.Base64URL,
		HashLength: cmp.Or(c.HashLength, 4),
		Early:      1,
		Strict:     true,
	}
	o.HashMinimum = cmp.Or(c.HashMinimum, min(4, o.HashLength))
	if c.Alphabet == "base64" {
		o.Alphabet = srs.Base64
	}
	if c.Separator != "" {
		o.Separator = c.Separator[0]
	}
	return o
}

// localDomains are the domains whose senders stay as they are.
func localDomains(c *config.Config) []string {
	domains := c.SRSD.LocalDomains
	if c.Postfix.MyHostname != "" {
		domains = append([]string{c.Postfix.MyHostname}, domains...)
	}
	return domains
}

// open makes the maps, when the engine is complete.
func (s *srsService) open() {
	classic, modern := srsd.Classic{Engine: s.engine}, srsd.Modern{Engine: s.engine}
	s.forward, s.reverse = classic.Forward(), classic.Reverse()
	s.set = lookup.Set{
		srsd.MapForward:    modern.Forward(),
		srsd.MapReverse:    modern.Reverse(),
		srsd.MapRecipients: srsd.Recipients{Engine: s.engine},
	}
	s.socketmap = modern.Set()
	maps.Copy(s.socketmap, s.set)
}

// openSRS adds the SRS maps to the set: ours, or those of the srsd that runs
// alone.
func (a *assembly) openSRS(ctx context.Context, before *assembly) error {
	switch {
	case a.config.SRSD == nil:
		maps.Copy(a.set, brokenSRS(errors.New("no SRS is configured: add an srsd block")))
		return nil
	case !a.works.role.serves("srsd"):
		set, client := srsClients(a.config)
		maps.Copy(a.set, set)
		if client != nil {
			a.clients = append(a.clients, client)
		}
		return nil
	}
	var held *srsService
	if before != nil {
		held = before.srs
	}
	s, err := newSRS(ctx, a.config, a.works, held)
	switch {
	case err != nil && a.works.role.command:
		maps.Copy(a.set, brokenSRS(err))
		return nil
	case err != nil:
		return err
	}
	a.srs = s
	if a.config.SRSD.LocalHosted() {
		domains := a.set[builtin.VirtualDomains]
		if domains == nil {
			return badConfig(errors.New("srsd.hosted_domains: local: nobody can be asked which domains are hosted: add socketmap.listen"))
		}
		s.engine.Hosted = hostedBy(domains)
	}
	s.open()
	maps.Copy(a.set, s.set)
	for name := range s.socketmap {
		a.works.lookups.Map(name)
	}
	return nil
}

// retireSRS closes the store, unless the assembly after has taken it over.
func (a *assembly) retireSRS(after *assembly) error {
	if a.srs == nil || a.srs.store == nil || after != nil && after.srs != nil && after.srs.store == a.srs.store {
		return nil
	}
	return a.srs.store.Close()
}

// brokenSRS answers with the reason.
func brokenSRS(err error) lookup.Set {
	set := lookup.Set{}
	for _, name := range srsd.MapNames() {
		set[name] = lookup.Broken(fmt.Errorf("map %s: %w", name, err))
	}
	return set
}
