package lookup

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unique"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	// backOff is how long the error of a key is remembered. It bounds both
	// what a broken origin is asked and how late its recovery is seen.
	backOff = time.Second

	// patience is how long a flight may take before those who hold an expired
	// value go on with that.
	patience = 2 * time.Second

	// maxFailures bounds the errors that are remembered.
	maxFailures = 4096

	defaultTimeout = 20 * time.Second
)

// CacheOptions are the bounds of a Cache.
type CacheOptions struct {
	Entries     int           // answers held, of all maps together; a quarter of them for what was not found
	TTL         time.Duration // life of a value
	NegativeTTL time.Duration // life of a "not found"
	Stale       time.Duration // how long after its life an answer is of use while the origin fails
	Timeout     time.Duration // limit of one question to the origin; 20 s if zero. Below Postfix's 100 s

	Now     func() time.Time // time.Now if nil
	Metrics *Metrics         // counts nothing if nil
	Log     *slog.Logger     // told of a map that panics; silent if nil
}

// Cache holds answers for any number of maps that are asked per key.
//
// # Life of an answer
//
// An answer is given from memory for TTL, a "not found" for NegativeTTL,
// counted from the moment the origin was asked. Then the origin is asked
// again, once for all who ask meanwhile; they wait as long as their own
// context lets them, the question goes on for Timeout.
//
// # While the origin fails
//
// An expired value is served for Stale, counted from its expiry, also where
// the origin has just not answered for two seconds, and from then on at once
// until it answers again. An expired "not found"
// becomes an error made by [Unsure] for as long; a plain "not found" it never
// is. Where nothing is held the error is the answer. A permanent error makes
// no difference: what a human must mend takes longest to mend. An error is
// remembered for one second, per key (one key may fail alone, so the others
// are asked; to pause a dead host for all is the work of the connection pool),
// and all questions meanwhile are answered as if they had met it too.
//
// # Bounds
//
// Least recently used answers are dropped past Entries, or past 512 bytes of
// keys and values per entry in all. An answer above 64 KiB is not held.
// "Not found" answers only push out their kind.
//
// # Names
//
// A cache outlives the configuration. Answers belong to the identity of a
// map, which the caller changes when the map's definition changes.
//
// # Known limits
//
// A map that does not look at its context keeps one goroutine per Timeout
// and key for as long as it hangs.
type Cache struct {
	born    time.Time
	clock   func() time.Time
	metrics *Metrics
	log     *slog.Logger
	limits  atomic.Pointer[CacheOptions]
	held    *held

	mu         sync.Mutex
	flights    map[flightKey]*flight
	failures   *simplelru.LRU[flightKey, failure]
	identities map[string][]unique.Handle[string] // all that a map name has stood for
}

// flightKey has the map itself, not its identity: after a reload, the errors
// of the old connections are not those of the new ones.
type flightKey struct {
	m   *cachedMap
	key string
}

type failure struct {
	err   error
	until time.Duration
}

// NewCache returns an empty cache.
func NewCache(o CacheOptions) *Cache {
	c := &Cache{
		clock:      o.Now,
		metrics:    o.Metrics,
		log:        o.Log,
		held:       newHeld(o.Entries),
		flights:    map[flightKey]*flight{},
		identities: map[string][]unique.Handle[string]{},
	}
	if c.clock == nil {
		c.clock = time.Now
	}
	if c.metrics == nil {
		c.metrics = NewMetrics(nil)
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	c.born = c.clock()
	c.failures, _ = simplelru.NewLRU[flightKey, failure](maxFailures, nil) // fails for sizes below 1 only
	c.Configure(o)
	return c
}

// Configure takes the bounds and times of a re-read configuration. What is
// held stays, as far as there is room, with the life it was given.
func (c *Cache) Configure(o CacheOptions) {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	c.limits.Store(&o)
	c.metrics.entries.Set(float64(c.held.resize(o.Entries)))
}

// Map returns src with the cache before it. The name labels metrics and
// traces, and is what Flush knows the map by; answers are held for the
// identity, which must tell two definitions apart: maps of the same identity
// share answers.
func (c *Cache) Map(name, identity string, src Map) Map {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := unique.Make(identity)
	if !slices.Contains(c.identities[name], id) {
		c.identities[name] = append(c.identities[name], id)
	}
	return &cachedMap{cache: c, name: name, identity: id, src: src, metrics: c.metrics.cached(name)}
}

// Flush ends the life of what is held for a key of a map, as the origin would
// be asked it (folded), and returns the number of answers that were held: the
// next lookup asks the origin. Until the origin answers, the old answer is
// still of use like any expired one. A question that is on its way is answered
// to those who asked it, and not held.
func (c *Cache) Flush(name, key string) (int, error) {
	return c.flush(name, func(k flightKey) bool { return k.key == key }, func(identity unique.Handle[string]) int {
		return c.held.expire(heldKey{identity, key}, c.now())
	})
}

// FlushMap does as Flush for all keys of a map.
func (c *Cache) FlushMap(name string) (int, error) {
	return c.flush(name, func(flightKey) bool { return true }, func(identity unique.Handle[string]) int {
		return c.held.expireAll(identity, c.now())
	})
}

// flush goes through all that the name has stood for: a reload that was given
// up, or is taken back, must not hide answers from it.
func (c *Cache) flush(name string, which func(flightKey) bool, expire func(identity unique.Handle[string]) int) (n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	identities, ok := c.identities[name]
	if !ok {
		return 0, fmt.Errorf("flush: no cached map is named %.200q", name)
	}
	c.forget(func(k flightKey) bool { return slices.Contains(identities, k.m.identity) && which(k) })
	for _, identity := range identities {
		n += expire(identity)
	}
	return n, nil
}

// forget takes the questions on their way out of the books, so that nobody
// joins them and their answers, which may be of before, are not held.
func (c *Cache) forget(which func(flightKey) bool) {
	for k := range c.flights {
		if which(k) {
			delete(c.flights, k)
		}
	}
	for _, k := range c.failures.Keys() {
		if which(k) {
			c.failures.Remove(k)
		}
	}
}

// now counts from the birth of the cache, so a clock that is set back or
// forth neither keeps nor drops an answer.
func (c *Cache) now() time.Duration { return c.clock().Sub(c.born) }

// join returns the flight that answers k, a new one where there is none; or
// the error that k met less than a second ago. One that asks past the memory
// does not join: the flight may have read what was before the question.
func (c *Cache) join(ctx context.Context, k flightKey) (*flight, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if last, ok := c.failures.Get(k); ok && now < last.until {
		return nil, last.err
	}
	if f := c.flights[k]; f != nil && f.ctx.Err() == nil && !Fresh(ctx) {
		return f, nil
	}
	if a, ok := c.held.get(heldKey{k.m.identity, k.key}); ok && now < a.expires && !Fresh(ctx) {
		return landed(a), nil // since the asker looked
	}
	f := newFlight(ctx, now, c.limits.Load().Timeout)
	c.flights[k] = f
	go k.m.fly(f, k)
	return f, nil
}

// land books the outcome of a flight, unless it was flushed or overtaken.
func (c *Cache) land(f *flight, k flightKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flights[k] != f {
		return
	}
	delete(c.flights, k)
	if f.err != nil {
		c.remember(k, f.err)
		return
	}
	c.failures.Remove(k)
	limits := c.limits.Load()
	life := limits.NegativeTTL
	if f.found {
		life = limits.TTL
	}
	a := answer{value: f.value, found: f.found, asked: f.started, expires: f.started + life}
	c.metrics.entries.Set(float64(c.held.put(heldKey{k.m.identity, k.key}, a)))
}

// remember keeps an error for those who ask too soon. Being unsure is not
// remembered: it is the wish to be asked again.
func (c *Cache) remember(k flightKey, err error) {
	if !IsUnsure(err) {
		c.failures.Add(k, failure{err: err, until: c.now() + backOff})
	}
}
