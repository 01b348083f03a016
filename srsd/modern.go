package srsd

import (
	"context"
	"errors"
	"strings"

	"postern/internal/lookup"
	"postern/srsd/srs"
)

// Modern answers as PostSRSd 2.x.
type Modern struct {
	*Engine
	Always bool // rewrite senders of local domains, too (always-rewrite)
}

// Forward is the map `forward`.
func (m Modern) Forward() lookup.Map { return lookup.Func(m.forward) }

// Reverse is the map `reverse`.
func (m Modern) Reverse() lookup.Map { return reverser{m.Engine} }

// Set is both maps by the names of PostSRSd.
func (m Modern) Set() lookup.Set {
	return lookup.Set{"forward": m.Forward(), "reverse": m.Reverse()}
}

func (m Modern) forward(ctx context.Context, key string) (string, bool, error) {
	_, domain, found := strings.Cut(key, "@")
	if !found {
		return m.leave(resultMalformed, textNoDomain)
	}
	if !m.Always {
		local, err := m.local(ctx, domain)
		if err != nil {
			return "", false, m.Metrics.fail(forward, err)
		}
		if local {
			return m.leave(resultLocal, textLocal)
		}
	}
	rewritten, err := m.rewrite(ctx, key)
	if err != nil {
		if errors.Is(err, srs.NotEmbeddable) || errors.Is(err, srs.TooLong) {
			return m.leave(resultMalformed, err.Error())
		}
		// PostSRSd answers PERM here: a sender that cannot be rewritten is
		// not to leave as it is.
		if _, ok := reason(err); ok {
			err = lookup.Permanent(err)
		}
		return "", false, m.Metrics.fail(forward, err)
	}
	m.Metrics.count(forward, resultOK)
	return rewritten, true, nil
}

// reverser turns recipients back, alike in both generations.
type reverser struct{ *Engine }

// Lookup finds the original sender behind an SRS address.
func (r reverser) Lookup(ctx context.Context, key string) (string, bool, error) {
	if r.OwnDomain && !r.ours(key) {
		r.Metrics.count(reverse, resultForeign)
		return textNotOurs, false, nil
	}
	original, err := r.restore(ctx, key)
	if err == nil {
		r.Metrics.count(reverse, resultOK)
		return original, true, nil
	}
	if text, ok := reason(err); ok {
		r.Metrics.count(reverse, resultOf(err))
		return text, false, nil
	}
	return "", false, r.Metrics.fail(reverse, err)
}
