package lookup

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"
	"unique"
)

// cachedMap is one map behind the cache.
type cachedMap struct {
	cache    *Cache
	name     string
	identity unique.Handle[string]
	src      Map
	metrics  cacheMetrics
	hangs    atomic.Bool // since a question took too long, until one is answered
}

// Lookup answers from memory where it can. That path allocates nothing.
func (m *cachedMap) Lookup(ctx context.Context, key string) (string, bool, error) {
	now := m.cache.now()
	a, held := m.cache.held.get(heldKey{m.identity, key})
	if held && now < a.expires && !Fresh(ctx) {
		return m.hit(ctx, key, a, now)
	}
	return m.ask(ctx, key, a, held)
}

func (m *cachedMap) hit(ctx context.Context, key string, a answer, now time.Duration) (string, bool, error) {
	if a.found {
		m.metrics.hit.Inc()
	} else {
		m.metrics.negativeHit.Inc()
	}
	m.trace(ctx, key, "cache", a, now, nil)
	return a.value, a.found, nil
}

// ask asks the origin, where a is what is held of an earlier answer, if any.
func (m *cachedMap) ask(ctx context.Context, key string, a answer, held bool) (string, bool, error) {
	if err := ctx.Err(); err != nil {
		return m.fallback(ctx, key, fmt.Errorf("cache: not asked: %w", err))
	}
	// The books outlive the request: do not pin the buffer it came in.
	f, err := m.cache.join(ctx, flightKey{m, strings.Clone(key)})
	if f != nil {
		err = f.wait(ctx, m.patience(ctx, f, a))
		if errors.Is(err, errSlow) {
			m.hangs.Store(true)
		}
	}
	m.replay(ctx, key, f, err)
	if err != nil {
		return m.fallback(ctx, key, err)
	}
	if held {
		m.metrics.expired.Inc()
	} else {
		m.metrics.miss.Inc()
	}
	return f.value, f.found, nil
}

// patience is how long to wait for f: as long as it takes, unless there is a
// value to serve instead; then two seconds, and no time at all while the origin
// is known to hang. One mail asks many keys, and their waits add up.
func (m *cachedMap) patience(ctx context.Context, f *flight, a answer) time.Duration {
	now := m.cache.now()
	if Fresh(ctx) || !a.found || !m.usable(a, now) {
		return -1
	}
	if m.hangs.Load() {
		return 0
	}
	return max(f.started+patience-now, 0)
}

// usable reports whether a, expired or not, may stand in for the origin.
func (m *cachedMap) usable(a answer, now time.Duration) bool {
	return now < a.expires+m.cache.limits.Load().Stale
}

// fallback answers without the origin, which gave err, from what is held now:
// another flight may have brought an answer meanwhile.
func (m *cachedMap) fallback(ctx context.Context, key string, err error) (string, bool, error) {
	a, held := m.cache.held.get(heldKey{m.identity, key})
	now := m.cache.now()
	if held && !Fresh(ctx) {
		switch {
		case now < a.expires:
			return m.hit(ctx, key, a, now)
		case a.found && m.usable(a, now):
			m.metrics.servedStale(now - a.asked)
			m.trace(ctx, key, "stale cache", a, now, err)
			return a.value, true, nil
		case m.usable(a, now):
			err = Unsure(err)
			m.trace(ctx, key, "stale cache", a, now, err)
		}
	}
	m.metrics.failed.Inc()
	return "", false, err
}

// fly asks the origin for all who wait for f. Whatever becomes of it, even a
// panic, they are told and the books are in order.
func (m *cachedMap) fly(f *flight, k flightKey) {
	defer func() {
		if p := recover(); p != nil {
			f.value, f.found, f.err = "", false, fmt.Errorf("cache: map %s: panic: %v", m.name, p)
			m.cache.log.Error("a map panicked", "map", m.name, "key", fmt.Sprintf("%.200q", k.key),
				"panic", p, "stack", string(debug.Stack()))
		}
		m.cache.land(f, k)
		close(f.done)
		f.cancel()
	}()
	f.value, f.found, f.err = m.src.Lookup(f.ctx, k.key)
	if f.err == nil {
		m.hangs.Store(false)
	}
}

func (m *cachedMap) trace(ctx context.Context, key, source string, a answer, now time.Duration, err error) {
	if trace := Trace(ctx); trace != nil {
		trace(Step{Map: m.name, Key: key, Source: source, Value: a.value, Found: a.found, Err: err, Age: now - a.asked})
	}
}

// replay reports the steps of f, or in their place what came of it: it was
// joined, or not begun because of an error just met.
func (m *cachedMap) replay(ctx context.Context, key string, f *flight, err error) {
	trace := Trace(ctx)
	if trace == nil || f != nil && f.steps.replay(trace) > 0 {
		return
	}
	step := Step{Map: m.name, Key: key, Source: "database", Err: err}
	switch {
	case f == nil:
		step.Note = "not asked again within a second of this error"
	case err == nil:
		step.Value, step.Found, step.Duration = f.value, f.found, m.cache.now()-f.started
	}
	trace(step)
}
