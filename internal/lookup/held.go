package lookup

import (
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	// maxAnswer is the most bytes of key and value that are worth holding:
	// longer ones are asked for each time.
	maxAnswer = 64 << 10

	// bytesPerEntry times the number of entries is what keys and values may
	// take together: long keys, which anybody can send, take the place of
	// many short ones instead of memory.
	bytesPerEntry = 512
	minBytes      = 1 << 20
)

// held are the answers in memory. What was not found is kept apart, in a
// quarter of the entries, because strangers choose those keys: a dictionary
// attack pushes out its own misses and nothing else.
type held struct {
	mu      sync.Mutex
	found   *share
	missing *share
}

type heldKey struct{ identity, key string }

// answer is what the origin said. Times count from the birth of the cache.
type answer struct {
	value   string
	found   bool
	asked   time.Duration
	expires time.Duration
}

func newHeld(entries int) *held {
	found, missing := shares(entries)
	return &held{found: newShare(found), missing: newShare(missing)}
}

// shares divides the entries into those for found and for missing keys.
func shares(entries int) (found, missing int) {
	missing = max(entries/4, 1)
	return max(entries-missing, 1), missing
}

// get returns the answer for k, expired or not.
func (h *held) get(k heldKey) (answer, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if a, ok := h.found.lru.Get(k); ok {
		return *a, true
	}
	if a, ok := h.missing.lru.Get(k); ok {
		return *a, true
	}
	return answer{}, false
}

// put holds a in place of what was held for k, unless it is too long, and
// returns the number of answers held.
func (h *held) put(k heldKey, a answer) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.found.lru.Remove(k)
	h.missing.lru.Remove(k)
	if len(k.key)+len(a.value) <= maxAnswer {
		// A short value may be a piece of a big buffer: hold only the piece.
		a.value = strings.Clone(a.value)
		h.share(a.found).put(k, &a)
	}
	return h.len()
}

func (h *held) share(found bool) *share {
	if found {
		return h.found
	}
	return h.missing
}

func (h *held) len() int { return h.found.lru.Len() + h.missing.lru.Len() }

// expire ends the life of the answer for k and returns how many there were.
func (h *held) expire(k heldKey, now time.Duration) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.found.expire(k, now) + h.missing.expire(k, now)
}

// expireAll ends the life of all answers of a map and returns their number.
func (h *held) expireAll(identity string, now time.Duration) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, s := range []*share{h.found, h.missing} {
		for _, k := range s.lru.Keys() {
			if k.identity == identity {
				n += s.expire(k, now)
			}
		}
	}
	return n
}

// resize changes the bounds, dropping the longest unused, and returns the
// number of answers held.
func (h *held) resize(entries int) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	found, missing := shares(entries)
	h.found.resize(found)
	h.missing.resize(missing)
	return h.len()
}

// share is a least recently used list that is bounded in entries and bytes.
type share struct {
	lru    *simplelru.LRU[heldKey, *answer]
	bytes  int
	budget int
}

func newShare(entries int) *share {
	s := &share{budget: budget(entries)}
	s.lru, _ = simplelru.NewLRU(entries, func(k heldKey, a *answer) { // fails for sizes below 1 only
		s.bytes -= len(k.key) + len(a.value)
	})
	return s
}

func budget(entries int) int { return max(entries*bytesPerEntry, minBytes) }

func (s *share) put(k heldKey, a *answer) {
	s.bytes += len(k.key) + len(a.value)
	s.lru.Add(k, a)
	s.shrink()
}

func (s *share) shrink() {
	for s.bytes > s.budget {
		s.lru.RemoveOldest()
	}
}

func (s *share) resize(entries int) {
	s.budget = budget(entries)
	s.lru.Resize(entries)
	s.shrink()
}

func (s *share) expire(k heldKey, now time.Duration) int {
	a, ok := s.lru.Peek(k)
	if !ok {
		return 0
	}
	a.expires = min(a.expires, now)
	return 1
}
