package counter

import (
	"container/heap"
	"hash/maphash"
	"math/bits"
	"strings"
	"time"
)

// counters is a bounded set of counters. Each is in one of two orders: idle
// ones in a list by when they were last charged, so that the oldest is at hand
// when room is needed, and those over their limit in a heap by when they no
// longer are. A charge moves a counter within or between them in O(log n), and
// each that leaves the heap by itself had been put there by a charge. So
// nothing is ever searched for.
//
// The hash table has its size from the beginning, one pointer for each counter
// that may be, and never grows: there is no moment at which all move, and a
// flood of keys that come and go leaves nothing behind, as it does in a map.
type counters struct {
	max     int
	len     int
	seed    maphash.Seed
	buckets []*counter // chains by hash; a power of two
	kinds   map[kindName]*kind
	idle    counter // ring: next is the oldest
	held    held
}

// kind is what the counters of a rule and a Per have in common.
type kind struct {
	kindName
	salt     uint64
	counters int
}

type kindName struct {
	rule string
	per  time.Duration
}

// counter is one counter. Its instant is one of the store's own clock.
type counter struct {
	kind *kind
	key  string
	level
	at         int64    // instant of level
	n          int64    // N as last asked
	prev, next *counter // in the idle ring; nil while held
	holdIndex  int      // in the heap, while held
	chain      *counter // the next in the bucket
}

func newCounters(maximum int) *counters {
	c := &counters{
		max: maximum, seed: maphash.MakeSeed(), kinds: map[kindName]*kind{},
		buckets: make([]*counter, 1<<bits.Len(uint(maximum-1))),
	}
	c.clear()
	return c
}

// bucket is where the chain begins in which such a counter is.
func (c *counters) bucket(k *kind, key string) **counter {
	hash := maphash.String(c.seed, key) ^ k.salt
	return &c.buckets[hash&uint64(len(c.buckets)-1)]
}

// find returns nil if there is none.
func (c *counters) find(rule, key string, per time.Duration) *counter {
	k := c.kinds[kindName{rule, per}]
	if k == nil {
		return nil
	}
	for x := *c.bucket(k, key); x != nil; x = x.chain {
		if x.kind == k && x.key == key {
			return x
		}
	}
	return nil
}

// room is how many new counters can be had, without those over their limit. It
// is exact up to what one call asks for.
func (c *counters) room(now int64, asked int) int {
	c.release(now, asked+16)
	return c.max - len(c.held)
}

// release lets counters go that are no longer over their limit, some at a time:
// after a quiet hour all of them are due at once.
func (c *counters) release(now int64, most int) {
	for range most {
		if len(c.held) == 0 || c.held[0].until > now {
			return
		}
		x := c.held[0].counter
		heap.Pop(&c.held)
		c.pushIdle(x)
	}
}

// add makes a counter, for which there must be room. The strings are cloned.
func (c *counters) add(rule, key string, per time.Duration) *counter {
	if c.len >= c.max {
		c.remove(c.idle.next)
	}
	k := c.kind(rule, per)
	k.counters++
	bucket := c.bucket(k, key)
	x := &counter{kind: k, key: strings.Clone(key), chain: *bucket}
	*bucket = x
	c.len++
	c.pushIdle(x)
	return x
}

func (c *counters) kind(rule string, per time.Duration) *kind {
	if k := c.kinds[kindName{rule, per}]; k != nil {
		return k
	}
	k := &kind{kindName: kindName{strings.Clone(rule), per}}
	k.salt = maphash.Comparable(c.seed, k.kindName)
	c.kinds[k.kindName] = k
	return k
}

func (c *counters) remove(x *counter) {
	if x.isIdle() {
		x.unlink()
	} else {
		heap.Remove(&c.held, x.holdIndex)
	}
	link := c.bucket(x.kind, x.key)
	for *link != x {
		link = &(*link).chain
	}
	*link = x.chain
	c.len--
	if x.kind.counters--; x.kind.counters == 0 {
		delete(c.kinds, x.kind.kindName)
	}
}

// charge sets what x holds and makes it the one that was charged last.
func (c *counters) charge(x *counter, l level, n, now int64) {
	x.level, x.at = l, now
	if x.isIdle() {
		x.unlink()
		c.pushIdle(x)
	}
	c.limit(x, n, now)
}

// limit notes the N of x and whether it is over its limit.
func (c *counters) limit(x *counter, n, now int64) {
	x.n = n
	until, over := x.blockedUntil(now)
	switch {
	case over && x.isIdle():
		x.unlink()
		heap.Push(&c.held, x)
	case over:
		c.held[x.holdIndex].until = until
		heap.Fix(&c.held, x.holdIndex)
	case !x.isIdle():
		heap.Remove(&c.held, x.holdIndex)
		c.pushIdle(x)
	}
}

// clear forgets all counters.
func (c *counters) clear() {
	clear(c.buckets)
	clear(c.kinds)
	c.held, c.len = nil, 0
	c.idle.next, c.idle.prev = &c.idle, &c.idle
}

// walk visits the counters of some buckets and returns where to go on; done
// when there is nothing left. Others may change the counters between two walks:
// what is there all the time is visited once. visit may remove its counter.
func (c *counters) walk(from int, visit func(*counter)) (next int, done bool) {
	next = min(from+batch, len(c.buckets))
	for _, x := range c.buckets[from:next] {
		for x != nil {
			chain := x.chain
			visit(x)
			x = chain
		}
	}
	return next, next == len(c.buckets)
}

func (x *counter) window() Window { return Window{N: x.n, Per: x.kind.per} }

// now is the level at that instant.
func (x *counter) now(now int64) level { return x.after(x.window(), now-x.at) }

// empty reports that x says no more than no counter, whatever N will be.
func (x *counter) empty(now int64) bool { return now-x.at >= int64(x.kind.per) }

// blockedUntil is when a cost of 1 fits, if it does not now. It is over with an
// N of 0, which needs no counter to refuse.
func (x *counter) blockedUntil(now int64) (until int64, over bool) {
	l := x.now(now)
	if x.n <= 0 || l.room(x.n) >= 1 {
		return 0, false
	}
	return now + int64(l.wait(x.window(), x.n-1)), true
}

func (x *counter) isIdle() bool { return x.next != nil }

func (x *counter) unlink() {
	x.prev.next, x.next.prev = x.next, x.prev
	x.prev, x.next = nil, nil
}

// pushIdle makes x the last to go.
func (c *counters) pushIdle(x *counter) {
	x.prev, x.next = c.idle.prev, &c.idle
	x.prev.next, x.next.prev = x, x
}

// held is a heap.Interface of the counters that are over their limit.
type held []hold

type hold struct {
	until   int64
	counter *counter
}

func (h held) Len() int           { return len(h) }
func (h held) Less(i, j int) bool { return h[i].until < h[j].until }

func (h held) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].counter.holdIndex, h[j].counter.holdIndex = i, j
}

// Push takes a *counter.
func (h *held) Push(x any) {
	c := x.(*counter)
	until, _ := c.blockedUntil(c.at)
	c.holdIndex = len(*h)
	*h = append(*h, hold{until, c})
}

func (h *held) Pop() any {
	last := len(*h) - 1
	x := (*h)[last].counter
	(*h)[last] = hold{}
	*h = (*h)[:last]
	return x
}

// any returns a counter; there must be one.
func (c *counters) any() *counter {
	if len(c.held) > 0 {
		return c.held[len(c.held)-1].counter
	}
	return c.idle.next
}
