package greylist

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"postern/internal/keysearch"
	"postern/internal/lookup"
	"postern/policyd"
)

// What groups that are no network begin with.
const (
	poolPrefix = "pool "
	spfPrefix  = "spf "
)

// longestPart bounds each part of a triplet, in bytes: what is longer ends in a
// hash of the whole.
const longestPart = 200

// clientGroup is the pool of a client, else its network; empty where the
// address is none.
func (c *Check) clientGroup(q *policyd.Request) Group {
	if pool, found := c.pools.above(domainName(q.ClientName)); found {
		return pool
	}
	return c.network(q.Client)
}

// network is the group of an address.
func (c *Check) network(a netip.Addr) Group {
	bits := c.options.IPv6Bits
	if a = a.Unmap().WithZone(""); a.Is4() {
		bits = c.options.IPv4Bits
	}
	prefix, err := a.Prefix(bits)
	if err != nil || !prefix.IsValid() {
		return ""
	}
	var room [len("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128")]byte
	return Group(prefix.AppendTo(room[:0]))
}

// domainGroup is the group of mail that SPF lets pass; empty for other mail.
func (c *Check) domainGroup(ctx context.Context, q *policyd.Request) Group {
	if c.options.SenderDomain == nil {
		return ""
	}
	domain, pass := c.options.SenderDomain(ctx, q)
	if !pass || domain == "" {
		return ""
	}
	return spfGroup(domain)
}

func spfGroup(domain string) Group { return Group(spfPrefix + bounded(domainName(domain))) }

// owner is where a recipient leads: all its addresses, in one order.
func (c *Check) owner(ctx context.Context, recipient string) string {
	targets := c.targets(ctx, recipient)
	if len(targets) == 0 {
		return bounded(c.bare(recipient))
	}
	folded := make([]string, len(targets))
	for i, target := range targets {
		folded[i] = c.bare(target) // Postfix hands the extension on
	}
	slices.Sort(folded)
	return bounded(strings.Join(slices.Compact(folded), ","))
}

// targets are none where they are not known.
func (c *Check) targets(ctx context.Context, recipient string) []string {
	if c.options.Owner == nil {
		return nil
	}
	targets, err := c.options.Owner(ctx, recipient)
	if err != nil {
		return nil
	}
	return targets
}

// bare is a recipient, folded, without its extension.
func (c *Check) bare(recipient string) string {
	if c.options.Delimiter == "" {
		return lookup.Fold(recipient)
	}
	forms := keysearch.Forms(keysearch.Virtual, keysearch.Options{RecipientDelimiter: c.options.Delimiter}, recipient)
	for _, form := range forms {
		if form.Extension != "" {
			return form.Key
		}
	}
	return lookup.Fold(recipient)
}

// bounded is s, or the beginning of s and a hash of it.
func bounded(s string) string {
	if len(s) <= longestPart {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return s[:longestPart-1-2*len(sum)] + "#" + hex.EncodeToString(sum[:])
}

// message is what tells q's message from all others; see [Visit].
func (c *Check) message(q *policyd.Request) uint64 {
	if q.Instance == "" {
		return 0
	}
	var room [128]byte
	text := append(room[:0], c.options.Host...)
	text = append(append(text, 0), q.Instance...)
	return max(xxhash.Sum64(text), 1)
}
