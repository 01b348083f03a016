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
var errNoDesk = errors.New("greylist: this store can not be looked into")

// Entries lists the rows of the store, at most limit of them; 0 stands for
// 1,000, and 10,000 is the most.
func (c *Check) Entries(ctx context.Context, limit int) ([]Entry, error) {
	lister, ok := c.options.Store.(Lister)
	if !ok {
		return nil, errNoDesk
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
// Of client, an address, sender and recipient, these may be left empty:
//
//   - sender and recipient: all of this client network is trusted from now on,
//     as if it had passed AutoPass times; the number is 1;
//   - the client: whatever waits from the sender's domain to the recipient's
//     owner passes. An empty sender is the null sender.
//
// With all three the triplet need not have been seen: the next attempt passes,
// even if 0 were waiting. A triplet of a pool, or of a client that SPF lets
// pass, is found too.
func (c *Check) Release(ctx context.Context, client, sender, recipient string) (n int, err error) {
	if client == "" && recipient == "" {
		return 0, errors.New("greylist: release: nothing is named: give a client address, or a sender and a recipient, or all three")
	}
	if sender != "" && recipient == "" {
		return 0, errors.New("greylist: release: a sender needs a recipient beside it; a whole client network is released by the client alone")
	}
	var network Group
	if client != "" {
		if network, err = c.networkOf(client); err != nil {
			return 0, err
		}
	}
	if recipient == "" {
		return c.releaseNetwork(ctx, network)
	}
	if n, err = c.releaseTriplets(ctx, network, sender, recipient); err != nil {
		return n, fmt.Errorf("greylist: release: %w", err)
	}
	return n, nil
}

func (c *Check) networkOf(client string) (Group, error) {
	address, err := netip.ParseAddr(client)
	if err != nil {
		return "", fmt.Errorf("greylist: release: client %.100q is no address: write 192.0.2.1 or 2001:db8::1", client)
	}
	return c.network(address), nil
}

func (c *Check) releaseNetwork(ctx context.Context, g Group) (int, error) {
	releaser, ok := c.options.Store.(Releaser)
	switch {
	case !ok:
		return 0, errNoDesk
	case c.terms.AutoPass == 0:
		return 0, errors.New("greylist: release: no network is ever trusted (auto_pass: -1): name a sender and a recipient")
	}
	if err := releaser.Trust(ctx, g, c.terms); err != nil {
		return 0, fmt.Errorf("greylist: release: %w", err)
	}
	return 1, nil
}

// releaseTriplets passes the triplets of a client, or of all if network is empty.
func (c *Check) releaseTriplets(ctx context.Context, network Group, sender, recipient string) (n int, err error) {
	domain, owner := bounded(domainOf(sender)), c.owner(ctx, recipient)
	if network == "" {
		releaser, ok := c.options.Store.(Releaser)
		if !ok {
			return 0, errNoDesk
		}
		return releaser.Release(ctx, domain, owner, c.terms)
	}
	for _, g := range c.groupsOf(network, domain) {
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

// groupsOf are those that a client of the network may have. Its name and what
// SPF says of it are not known here.
func (c *Check) groupsOf(network Group, domain string) []Group {
	groups := []Group{network}
	if c.options.SenderDomain != nil && domain != "" {
		groups = append(groups, spfGroup(domain))
	}
	for _, pool := range c.pools {
		groups = append(groups, pool)
	}
	return groups
}
