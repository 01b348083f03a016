package srsd

import (
	"context"
	"errors"
	"strings"

	"postern/internal/lookup"
	"postern/srsd/srs"
)

// Texts of PostSRSd 1.x, its spelling included.
const (
	textExcluded  = "Domain excluded py policy"
	textRewritten = "Already rewritten"
)

// Classic answers as PostSRSd 1.x.
type Classic struct {
	*Engine

	// Excluded tells which addresses are left alone (SRS_EXCLUDE_DOMAINS);
	// nil: none.
	Excluded func(address string) bool

	Always bool // rewrite senders of the SRS domain, too (-A)
}

// Forward is the map of the forward port.
func (c Classic) Forward() lookup.Map { return lookup.Func(c.forward) }

// Reverse is the map of the reverse port.
func (c Classic) Reverse() lookup.Map { return reverser{c.Engine} }

func (c Classic) forward(ctx context.Context, key string) (string, bool, error) {
	if c.Excluded != nil && c.Excluded(key) {
		return c.leave(resultLocal, textExcluded)
	}
	if rewritten, err := c.rewritten(ctx, key); err != nil {
		return "", false, c.Metrics.fail(forward, err)
	} else if rewritten {
		return c.leave(resultSRS, textRewritten)
	}
	_, domain, found := strings.Cut(key, "@")
	switch {
	case !found:
		return c.leave(resultMalformed, string(srs.NoAt))
	case !c.Always && equalFold(domain, c.Domain):
		c.Metrics.count(forward, resultLocal)
		return key, true, nil
	}
	if local, err := c.stays(ctx, domain); err != nil {
		return "", false, c.Metrics.fail(forward, err)
	} else if local {
		return c.leave(resultLocal, textLocal)
	}
	rewritten, err := c.rewrite(ctx, key)
	if err == nil {
		c.Metrics.count(forward, resultOK)
		return rewritten, true, nil
	}
	if text, ok := reason(err); ok {
		return c.leave(resultOf(err), text)
	}
	return "", false, c.Metrics.fail(forward, err)
}

// rewritten reports a valid address of ours, of any domain.
func (c Classic) rewritten(ctx context.Context, address string) (bool, error) {
	if !srs.IsSRS(address) {
		return false, nil
	}
	_, err := c.restore(ctx, address)
	if _, about := reason(err); about || errors.Is(err, noDatabase) {
		return false, nil
	}
	return err == nil, err
}

// stays reports local domains other than the SRS domain, which 1.x has not.
func (c Classic) stays(ctx context.Context, domain string) (bool, error) {
	if c.Always || c.Local == nil && c.Hosted == nil || equalFold(domain, c.Domain) {
		return false, nil
	}
	return c.local(ctx, domain)
}
