package greylist

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
)

// mostEntries bounds a list that is made while mail waits.
const mostEntries = 10_000

// errNoDesk is for stores that only answer attempts.
var errNoDesk = errors.New("this store can not be looked into")

// Entries lists the rows of the store, at most limit of them; 0 stands for
// 1,000, and 10,000 is the most.
func (c *Check) Entries(ctx context.Context, limit int) ([]Entry, error) {
	lister, ok := c.options.Store.(Lister)
	if !ok {
		return nil, fmt.Errorf("greylist: list: %w", errNoDesk)
	}
	if limit <= 0 {
		limit = 1000
	}
	entries, err := lister.Entries(ctx, min(limit, mostEntries))
	if err != nil {
		return nil, fmt.Errorf("greylist: list: %w", err)
	}
	for i := range entries {
		if e := &entries[i]; !e.Passed && e.Recipient != "" {
			e.PassAt = e.FirstSeen.Add(c.terms.Delay)
		}
	}
	return entries, nil
}

// Release lets mail pass that waits, and reports how many triplets that were.
// Of client, which is an address or the domain of a pool, sender and recipient
// these may be left empty:
//
//   - sender and recipient: all of this client's network, or the pool, is trusted
//     from now on, as if it had passed AutoPass times; the number is 1;
//   - the client: whatever waits from the sender's domain to the recipient's
//     owner passes. An empty sender is the null sender.
//
// With all three the triplet need not have been seen: the next attempt passes,
// even if 0 were waiting. A triplet of a pool, or of a client that SPF lets
// pass, is found too.
func (c *Check) Release(ctx context.Context, client, sender, recipient string) (n int, err error) {
	if n, err = c.release(ctx, client, sender, recipient); err != nil {
		return n, fmt.Errorf("greylist: release: %w", err)
	}
	return n, nil
}

func (c *Check) release(ctx context.Context, client, sender, recipient string) (n int, err error) {
	switch {
	case client == "" && recipient == "":
		return 0, errors.New("nothing is named: give a client address, or a sender and a recipient, or all three")
	case sender != "" && recipient == "":
		return 0, errors.New("a sender needs a recipient beside it; a whole client network is released by the client alone")
	}
	var group Group
	if client != "" {
		if group, err = c.namedClient(client); err != nil {
			return 0, err
		}
	}
	if recipient == "" {
		if err := c.releaseClient(ctx, group); err != nil {
			return 0, err
		}
		return 1, nil
	}
	return c.releaseTriplets(ctx, group, sender, recipient)
}

// namedClient is the group of a client that an operator names.
func (c *Check) namedClient(client string) (Group, error) {
	if pool, found := c.pools[domainName(client)]; found {
		return pool, nil
	}
	address, err := netip.ParseAddr(client)
	if err != nil {
		return "", fmt.Errorf("client %.100q is no address and no pool: write 192.0.2.1 or 2001:db8::1", client)
	}
	return c.network(address), nil
}

func (c *Check) releaseClient(ctx context.Context, g Group) error {
	releaser, ok := c.options.Store.(Releaser)
	switch {
	case !ok:
		return errNoDesk
	case c.terms.AutoPass == 0:
		return errors.New("no network is ever trusted (auto_pass: -1): name a sender and a recipient")
	}
	return releaser.Trust(ctx, g, c.terms)
}

// releaseTriplets passes the triplets of a client, or of all if client is empty.
func (c *Check) releaseTriplets(ctx context.Context, client Group, sender, recipient string) (n int, err error) {
	domain, owner := bounded(domainOf(sender)), c.owner(ctx, recipient)
	if client == "" {
		releaser, ok := c.options.Store.(Releaser)
		if !ok {
			return 0, errNoDesk
		}
		return releaser.Release(ctx, domain, owner, c.terms)
	}
	for _, g := range c.groupsOf(client, domain) {
		waited, err := c.options.Store.Pass(ctx, Visit{Group: g, Sender: domain, Owner: owner}, c.terms)
		if err != nil {
			return n, err
		}
		if waited {
			n++
		}
	}
	return n, nil
}

// groupsOf are those that a client may have. Its name and what SPF says of it
// are not known here.
func (c *Check) groupsOf(client Group, domain string) []Group {
	groups := []Group{client}
	if c.options.SenderDomain != nil && domain != "" {
		groups = append(groups, spfGroup(domain))
	}
	for _, pool := range c.pools {
		if pool != client {
			groups = append(groups, pool)
		}
	}
	return groups
}
