package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// Pools keeps one Store for each database. It is safe for concurrent use.
type Pools struct {
	metrics *Metrics

	mu     sync.Mutex
	stores map[[sha256.Size]byte]*Store
	closed bool
}

// NewPools makes an empty set of pools.
func NewPools(m *Metrics) *Pools {
	return &Pools{metrics: m, stores: map[[sha256.Size]byte]*Store{}}
}

// Open returns the store of a database. Options that reach the same database
// in the same way (hosts, name, user, password, character set, TLS) share one;
// the limits of the first who asks hold for all. The store belongs to the
// pools, which close it.
func (p *Pools) Open(o Options) (*Store, error) {
	key, err := o.poolKey()
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, explain(o, errClosed)
	}
	if s := p.stores[key]; s != nil {
		return s, nil
	}
	s, err := Open(o, p.metrics)
	if err != nil {
		return nil, err
	}
	p.stores[key] = s
	return s, nil
}

// Keep closes all stores but these, after a new configuration has opened its
// own.
func (p *Pools) Keep(stores ...*Store) error {
	p.mu.Lock()
	var gone []*Store
	for key, s := range p.stores {
		if !slices.Contains(stores, s) {
			gone = append(gone, s)
			delete(p.stores, key)
		}
	}
	p.mu.Unlock()
	var failures []error
	for _, s := range gone {
		failures = append(failures, s.Close())
	}
	return errors.Join(failures...)
}

// Close closes all stores, and no other can be opened.
func (p *Pools) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	return p.Keep()
}

// poolKey is alike for options that may share connections. It is a hash, so
// that no password lies in a map.
func (o Options) poolKey() (key [sha256.Size]byte, err error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return key, err
	}
	if o.Driver == "mysql" {
		hosts, err := parseHosts(o.Hosts)
		if err != nil {
			return key, err
		}
		o.Hosts = nil
		for _, h := range hosts {
			o.Hosts = append(o.Hosts, h.name())
		}
	}
	t := o.TLS
	return sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %q %q %q %v %q %q %q %q %q %v",
		o.Driver, o.Hosts, o.Name, o.User, o.Password, o.Path, o.Charset,
		t.Enabled, t.CAFile, t.CADir, t.Cert, t.Key, t.Ciphers, t.verify())), nil
}
