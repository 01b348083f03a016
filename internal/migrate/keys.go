package migrate

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"postern/internal/config"
	"postern/internal/lookup"
	"postern/internal/maillog"
	"postern/internal/postconf"
	"postern/internal/store"
)

// Keys are what both sides are asked: addresses and domains from the tables
// and from mail logs.
type Keys struct {
	Addresses []string
	Domains   []string
	// Reserved are the active handles with a name of reserved_handles.
	Reserved []string
}

// collector gathers keys without duplicates.
type collector struct {
	addresses, domains sample
	handles            []string
	reserved           []string
}

// newCollector keeps a sample of about limit keys of each kind, or more; all
// of them if limit is 0.
func newCollector(limit int) *collector {
	return &collector{addresses: newSample(limit), domains: newSample(limit)}
}

// CollectKeys reads the keys of the tables, if the plan has a database, and of
// the logs: a sample that is good for limit questions to each map, or all of
// them if limit is 0. An error names the table that cannot be read.
func (p *Plan) CollectKeys(ctx context.Context, limit int, logs []string, stdin io.Reader) (Keys, error) {
	c := newCollector(limit)
	if p.Database != nil {
		if err := c.tables(ctx, *p.Database); err != nil {
			return Keys{}, err
		}
	}
	for _, path := range logs {
		if err := c.log(ctx, path, stdin); err != nil {
			return Keys{}, err
		}
	}
	return c.keys(), nil
}

// tables reads the five tables that the daemons load, too.
func (c *collector) tables(ctx context.Context, o store.Options) error {
	o.Driver, o.MaxConnections = "mysql", 2
	s, err := store.Open(o, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	reserved := config.Defaults().ReservedHandles
	for _, table := range []struct {
		name string
		take func(key string)
	}{
		{"domain", c.domains.add},
		{"alias", c.address},
		{"alias_handle", func(key string) {
			c.handle(key)
			if slices.Contains(reserved, key) {
				c.reserved = append(c.reserved, key)
			}
		}},
		{"smtp_sender_acl", c.address},
		{"api_bans", c.banned},
	} {
		rows, err := s.Rows(table.name)
		if err != nil {
			return err
		}
		err = rows.Load(ctx, func(key, _ []byte) error { table.take(string(key)); return nil })
		if store.MissingRight(err) {
			return fmt.Errorf("table %s as user %s: %w: the user needs SELECT on it", table.name, o.User, err)
		}
		if err != nil {
			return fmt.Errorf("table %s as user %s: %w", table.name, o.User, err)
		}
	}
	return nil
}

func (c *collector) address(key string) {
	c.addresses.add(key)
	if _, domain, ok := strings.Cut(key, "@"); ok {
		c.domains.add(domain)
	}
}

// handle keeps as many handles as addresses are kept.
func (c *collector) handle(key string) {
	if limit := c.addresses.limit; limit == 0 || len(c.handles) < limit {
		c.handles = append(c.handles, key)
	}
}

func (c *collector) banned(key string) {
	if domain, ok := strings.CutPrefix(key, "domain:"); ok {
		c.domains.add(domain)
		c.addresses.add("someone@" + domain)
		c.addresses.add("someone@below." + domain)
	}
}

// log takes the addresses of a mail log.
func (c *collector) log(ctx context.Context, path string, stdin io.Reader) error {
	_, err := maillog.File(ctx, path, stdin, maillog.Options{}, func(e maillog.Event) error {
		for _, address := range []string{e.From, e.To, e.OrigTo} {
			if strings.Contains(address, "@") {
				c.address(lookup.Fold(address))
			}
		}
		return nil
	})
	return err
}

// keys joins each handle with a domain, once a hosted one and once another.
func (c *collector) keys() Keys {
	k := Keys{Domains: c.domains.sorted(), Reserved: slices.Sorted(slices.Values(c.reserved))}
	for i, handle := range c.handles {
		if len(k.Domains) > 0 {
			c.addresses.add(handle + "@" + k.Domains[i%len(k.Domains)])
		}
	}
	k.Addresses = c.addresses.sorted()
	return k
}

// of are at most limit keys for one kind of search, spread evenly.
func (k Keys) of(search postconf.Search, limit int) []string {
	keys := k.Addresses
	switch search {
	case postconf.SearchExact, postconf.SearchDomain, postconf.SearchAccessDomain:
		keys = k.Domains
	}
	if limit <= 0 || len(keys) <= limit {
		return keys
	}
	sample := make([]string, limit)
	for i := range sample {
		sample[i] = keys[i*len(keys)/limit]
	}
	return sample
}
