package bans

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"
)

const (
	defaultTimeout = 2 * time.Second
	defaultEntries = 10_000

	keepAnswer  = 10 * time.Minute // Go's resolver does not tell the TTL
	keepTrouble = 30 * time.Second

	maxHosts = 20 // of one domain; more is no mail system but an attack on ours
)

// Resolver asks DNS. *net.Resolver is one.
type Resolver interface {
	LookupMX(ctx context.Context, name string) ([]*net.MX, error)
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// MXOptions are the settings of MX. Zero values mean the default.
type MXOptions struct {
	Resolver  Resolver      // the system's if nil
	Addresses bool          // look at the hosts' addresses, too
	Timeout   time.Duration // of all questions about one recipient; 2 s
	Entries   int           // names and addresses remembered; 10,000 of each
	Now       func() time.Time
	Metrics   *Metrics
}

// MX tells which hosts take the mail of a domain. It remembers what DNS said
// for ten minutes, and trouble for half a minute.
type MX struct {
	resolver  Resolver
	byAddress bool
	timeout   time.Duration
	now       func() time.Time
	metrics   *Metrics

	names   *memory[string]
	numbers *memory[netip.Addr]
}

// NewMX makes an MX.
func NewMX(o MXOptions) (*MX, error) {
	if o.Timeout < 0 || o.Entries < 0 {
		return nil, errors.New("bans: mx: time limit and number of entries cannot be negative")
	}
	m := &MX{
		resolver: o.Resolver, byAddress: o.Addresses, now: o.Now, metrics: o.Metrics,
		timeout: o.Timeout,
	}
	if m.resolver == nil {
		m.resolver = net.DefaultResolver
	}
	if m.now == nil {
		m.now = time.Now
	}
	if m.timeout == 0 {
		m.timeout = defaultTimeout
	}
	if o.Entries == 0 {
		o.Entries = defaultEntries
	}
	m.names, m.numbers = newMemory[string](o.Entries), newMemory[netip.Addr](o.Entries)
	return m, nil
}

// hosts are the names of the hosts behind a domain, as they are compared: its
// MX hosts, or itself where it has none (RFC 5321, section 5.1). A domain that
// takes no mail (RFC 7505) has none.
func (m *MX) hosts(ctx context.Context, domain string) ([]string, error) {
	if address, ok := literal(domain); ok {
		return []string{address.String()}, nil
	}
	if !isDomain(domain) {
		return nil, nil
	}
	return m.names.get(ctx, m, domain, func(ctx context.Context, domain string) ([]string, error) {
		records, err := m.resolver.LookupMX(ctx, domain+".")
		if len(records) == 0 {
			return []string{domain}, ignoreMissing(err)
		}
		slices.SortStableFunc(records, func(a, b *net.MX) int { return int(a.Pref) - int(b.Pref) })
		var hosts []string
		for _, r := range records {
			name := asciiDomain(r.Host)
			if len(hosts) < maxHosts && name != "" && !slices.Contains(hosts, name) {
				hosts = append(hosts, name)
			}
		}
		return hosts, nil
	})
}

// addresses are the addresses of a host.
func (m *MX) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if address, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{address}, nil
	}
	if !isDomain(host) {
		return nil, nil
	}
	return m.numbers.get(ctx, m, host, func(ctx context.Context, host string) ([]netip.Addr, error) {
		found, err := m.resolver.LookupNetIP(ctx, "ip", host+".")
		for i, a := range found {
			found[i] = a.Unmap()
		}
		return found[:min(len(found), maxHosts)], ignoreMissing(err)
	})
}

// ignoreMissing makes "no such name" and "no such record" an answer.
func ignoreMissing(err error) error {
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		return nil
	}
	return err
}

// memory is what DNS said of names.
type memory[T any] struct {
	answers *lru.Cache[string, answer[T]]
	flights singleflight.Group
}

type answer[T any] struct {
	values []T
	err    error
	until  time.Time
	asked  time.Time
}

// question asks DNS for a name.
type question[T any] func(ctx context.Context, name string) ([]T, error)

func newMemory[T any](entries int) *memory[T] {
	answers, err := lru.New[string, answer[T]](entries)
	if err != nil {
		panic(err) // of a number that is not positive, and NewMX sees to that
	}
	return &memory[T]{answers: answers}
}

// get remembers or asks. All who want to know of one name wait for one
// question, which has a time limit of its own.
func (y *memory[T]) get(ctx context.Context, m *MX, name string, ask question[T]) ([]T, error) {
	now := m.now()
	if a, ok := y.answers.Get(name); ok && now.Before(a.until) && !now.Before(a.asked) {
		m.metrics.asked("remembered")
		return a.values, a.err
	}
	if err := ctx.Err(); err != nil { // the time is up for what has to be asked
		m.metrics.asked(result(err))
		return nil, err
	}
	name = strings.Clone(name) // it may be a part of a request, which the question may outlive
	flight := y.flights.DoChan(name, func() (any, error) {
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.timeout)
		defer cancel()
		a := answer[T]{asked: now}
		a.values, a.err = guarded(within, name, ask)
		a.until = now.Add(keepAnswer)
		if a.err != nil {
			a.values, a.until = nil, now.Add(keepTrouble)
		}
		y.answers.Add(name, a)
		return a, nil
	})
	select {
	case f := <-flight:
		a := f.Val.(answer[T])
		m.metrics.asked(result(a.err))
		return a.values, a.err
	case <-ctx.Done():
		m.metrics.asked(result(ctx.Err()))
		return nil, ctx.Err()
	}
}

// guarded turns a panic of a resolver into trouble: it runs on a goroutine that
// nobody else watches.
func guarded[T any](ctx context.Context, name string, ask question[T]) (values []T, err error) {
	defer func() {
		if p := recover(); p != nil {
			values, err = nil, fmt.Errorf("panic: %v", p)
		}
	}()
	return ask(ctx, name)
}

// result is the label of a question's outcome.
func result(err error) string {
	var dns *net.DNSError
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &dns) && dns.IsTimeout:
		return "timeout"
	}
	return "trouble"
}

// NewResolver asks the given name servers ("127.0.0.1:53", port 53 if there is
// none) in turn, or those of resolv.conf(5) if there are none.
func NewResolver(servers []string) (*net.Resolver, error) {
	if len(servers) == 0 {
		return net.DefaultResolver, nil
	}
	addresses := make([]string, len(servers))
	for i, s := range servers {
		address, err := serverAddress(s)
		if err != nil {
			return nil, err
		}
		addresses[i] = address
	}
	var turn atomic.Uint64
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		n := turn.Add(1) - 1
		return new(net.Dialer).DialContext(ctx, network, addresses[n%uint64(len(addresses))])
	}}, nil
}

func serverAddress(s string) (string, error) {
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return netip.AddrPortFrom(a, 53).String(), nil
	}
	if _, err := netip.ParseAddrPort(s); err != nil {
		return "", fmt.Errorf("bans: mx: %.100q is no name server: write 127.0.0.1:53 or [::1]:53", s)
	}
	return s, nil
}
