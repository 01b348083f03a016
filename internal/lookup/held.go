package lookup

import (
	"strings"
	"sync"
	"time"
	"unique"

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

// heldKey has a handle for the identity: it is shorter, and quicker to compare,
// than the text, which is the same for thousands of keys.
type heldKey struct {
	identity unique.Handle[string]
	key      string
}

// answer is what the origin said. Times count from the birth of the cache.
type answer struct {
	value   string
	found   bool
	asked   time.Duration
	expires time.Duration
}

// entry is an answer as it is held: its share tells whether it was found, and
// it lies within the list, not behind a pointer, because memory is mostly these.
type entry struct {
	value          string
	asked, expires time.Duration
}

func (e entry) answer(found bool) answer { return answer{e.value, found, e.asked, e.expires} }

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
	if e, ok := h.found.lru.Get(k); ok {
		return e.answer(true), true
	}
	if e, ok := h.missing.lru.Get(k); ok {
		return e.answer(false), true
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
		h.share(a.found).put(k, entry{strings.Clone(a.value), a.asked, a.expires})
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
func (h *held) expireAll(identity unique.Handle[string], now time.Duration) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.found.expireAll(identity, now) + h.missing.expireAll(identity, now)
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
	lru    *simplelru.LRU[heldKey, entry]
	bytes  int
	budget int
}

func newShare(entries int) *share {
	s := &share{budget: budget(entries)}
	s.lru, _ = simplelru.NewLRU(entries, func(k heldKey, e entry) { // fails for sizes below 1 only
		s.bytes -= len(k.key) + len(e.value)
	})
	return s
}

func budget(entries int) int { return max(entries*bytesPerEntry, minBytes) }

func (s *share) put(k heldKey, e entry) {
	s.bytes += len(k.key) + len(e.value)
	s.lru.Add(k, e)
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

// expire ends the life of one answer, which makes it the last used one.
func (s *share) expire(k heldKey, now time.Duration) int {
	e, ok := s.lru.Peek(k)
	if !ok {
		return 0
	}
	e.expires = min(e.expires, now)
	s.lru.Add(k, e)
	return 1
}

// expireAll ends the life of all answers of one map. It uses every entry, the
// longest unused first, so their order stays.
func (s *share) expireAll(identity unique.Handle[string], now time.Duration) int {
	n := 0
	for _, k := range s.lru.Keys() {
		e, _ := s.lru.Peek(k)
		if k.identity == identity {
			e.expires = min(e.expires, now)
			n++
		}
		s.lru.Add(k, e)
	}
	return n
}
