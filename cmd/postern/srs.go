package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"postern/internal/config"
	"postern/internal/daemon"
	"postern/internal/lookup"
	builtin "postern/internal/maps"
	"postern/socketmap"
	"postern/srsd"
	"postern/srsd/envelope"
	"postern/srsd/milter"
	"postern/srsd/postsrsd"
	"postern/srsd/srs"
)

// maxStored bounds the senders in the store: at 200 bytes each, 200 MB.
const maxStored = 1_000_000

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
		return nil, badConfig(err)
	}
	secrets, err := srsd.ReadDatedSecrets(path, w.now())
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w: this process runs as user %d, which must be able to read it, by way of a group (mode 0640) or as the owner", err, os.Geteuid())
	}
	if err != nil {
		return nil, badConfig(err)
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

// openEnvelopes opens the store at a place, or takes it over.
func openEnvelopes(ctx context.Context, at string, w *works, before *srsService) (*envelope.Store, error) {
	if before != nil && before.store != nil && before.config.Store == at {
		return before.store, nil
	}
	if w.envelopes == nil {
		w.envelopes = envelope.NewMetrics(w.reg)
	}
	path, isFile := strings.CutPrefix(at, "sqlite:")
	_, missing := os.Stat(path)
	store, err := envelope.Open(ctx, at, envelope.Options{MaxEntries: maxStored, Now: w.now, Log: w.log, Metrics: w.envelopes})
	if err != nil || !isFile || !errors.Is(missing, fs.ErrNotExist) {
		return store, err
	}
	if err := handOver(path); err != nil {
		return nil, errors.Join(fmt.Errorf("srsd.store: %w", err), store.Close())
	}
	return store, nil
}

// handOver gives a file that root has made to the owner of its folder: who asks
// on the command line may be root, and the daemon another user.
func handOver(path string) error {
	info, err := os.Stat(filepath.Dir(path))
	if err != nil || os.Geteuid() != 0 {
		return err
	}
	owner := info.Sys().(*syscall.Stat_t)
	return os.Lchown(path, int(owner.Uid), int(owner.Gid))
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

// milterRules are the native milter's.
func (a *assembly) milterRules() milter.Rules {
	if a.srs == nil {
		gone := lookup.Broken(errNoSRS)
		return milter.Rules{Forward: gone, Reverse: gone}
	}
	where := stays{engine: a.srs.engine}
	if a.tables != nil || len(a.clients) > 0 {
		where.virtual, where.domains = a.set[builtin.Virtual], a.set[builtin.VirtualDomains]
	}
	verdict := srsd.Verdict{Recipients: a.set[srsd.MapRecipients], AnySender: a.srs.config.AnyBounces()}
	return milter.Rules{
		Forward: a.set[srsd.MapForward],
		Reverse: a.set[srsd.MapReverse],
		Local:   where.local,
		Refuse: func(ctx context.Context, sender, recipient string) (string, error) {
			reply, err := verdict.Judge(ctx, sender, recipient)
			if reply == srsd.Admitted {
				reply = ""
			}
			return reply, err
		},
		RecipientLimit: milterRecipients,
	}
}

// milterRecipients of one message; Postfix has smtpd_recipient_limit (1000).
const milterRecipients = 1000

// stays tells which recipients stay on this host. Postfix shows a milter the
// recipients before virtual aliases, so it follows each to where it leads.
type stays struct {
	virtual lookup.Map // nil: there are no aliases, the domain decides
	domains lookup.Map
	engine  *srsd.Engine
}

func (s stays) local(ctx context.Context, recipient string) (bool, error) {
	if s.virtual == nil {
		return s.engine.IsLocal(ctx, recipient)
	}
	walker := builtin.Walker{Step: s.virtual, Hosted: hostedBy(s.domains)}
	walk, err := walker.Expand(ctx, recipient)
	if err != nil {
		return false, err
	}
	for _, address := range walk.Final {
		if local, err := s.engine.IsLocal(ctx, address); err != nil || !local {
			return false, err
		}
	}
	return true, nil
}

// hostedBy asks the map virtual-domains.
func hostedBy(domains lookup.Map) func(context.Context, string) (bool, error) {
	return func(ctx context.Context, domain string) (bool, error) {
		_, found, err := domains.Lookup(ctx, domain)
		return found, err
	}
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

// askLookups has the maps that an srsd needs asked of the daemon that owns
// them.
func (a *assembly) askLookups(*assembly) error {
	a.set = lookup.Set{}
	network, address, ok := dialable(a.config.Socketmap.Listen...)
	if !ok {
		return nil
	}
	client := socketmap.NewClient(network, address, builtin.Virtual, socketmap.ClientOptions{Timeout: answerWithin(a.config)})
	a.clients = append(a.clients, client)
	for _, name := range []string{builtin.Virtual, builtin.VirtualDomains} {
		a.set[name] = client.Named(name)
	}
	return nil
}

// srsClients are the SRS maps for a daemon that runs alone: only srsd opens
// the secrets, so it is asked.
func srsClients(c *config.Config) (lookup.Set, *socketmap.Client) {
	network, address, ok := dialable(c.SRSD.Socketmap)
	if !ok {
		return brokenSRS(errors.New("srsd.socketmap has no listener that this daemon could ask: add one, such as inet:127.0.0.1:10004")), nil
	}
	client := socketmap.NewClient(network, address, srsd.MapForward, socketmap.ClientOptions{Timeout: answerWithin(c)})
	set := lookup.Set{}
	for _, name := range srsd.MapNames() {
		set[name] = client.Named(name)
	}
	return set, client
}

// brokenSRS answers with the reason.
func brokenSRS(err error) lookup.Set {
	set := lookup.Set{}
	for _, name := range srsd.MapNames() {
		set[name] = lookup.Broken(fmt.Errorf("map %s: %w", name, err))
	}
	return set
}

// dialable is a listener as net.Dial takes it; not ok if it is none, or a
// descriptor that only its owner knows.
func dialable(listeners ...config.Listener) (network, address string, ok bool) {
	for _, l := range listeners {
		at, err := daemon.ParseAt(l.At)
		if l.At == "" || err != nil {
			continue
		}
		switch at.Kind {
		case daemon.Unix:
			return "unix", at.Path, true
		case daemon.Inet:
			return "tcp", net.JoinHostPort(cmp.Or(at.Host, "localhost"), strconv.Itoa(at.Port)), true
		}
	}
	return "", "", false
}

// clock is the time of day, or what the variable of that name fixes it to
// (Unix seconds), for tests of what depends on the day.
func clock(variable string, log *slog.Logger) (func() time.Time, error) {
	text := os.Getenv(variable)
	if text == "" {
		return time.Now, nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, usage("%s=%q is no time: write Unix seconds", variable, text)
	}
	log.Warn("the clock of SRS stands still: addresses made now may never verify", "variable", variable, "seconds", seconds)
	fixed := time.Unix(seconds, 0)
	return func() time.Time { return fixed }, nil
}
