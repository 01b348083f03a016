package table

import (
	"errors"
	"hash/maphash"
	"math/bits"
)

var errTooLarge = errors.New("it does not fit into max_memory")

// segment is an arena and its index: immutable, about 6.5 bytes a row above
// the arena. The zero pointer is an empty segment.
//
// The index is open addressing with linear probing. A slot holds the reference
// of a row plus one in its low bits and, above, as many bits of the key's hash
// as there is room for, so that a probe looks into the arena for the right row
// only. Rows of one key lie in probing order as they lie in the arena. Hashes
// are keyed at random per process (maphash), so nobody can choose keys that
// collide; therefore the index is not copied to disk with the arena, but made
// anew from it, which takes less time than reading it.
type segment struct {
	arena
	index   []uint32
	refMask uint32
	seed    maphash.Seed
}

// newSegment builds the index of a.
func newSegment(a *arena, seed maphash.Seed) (*segment, error) {
	if a.rows == 0 {
		return nil, nil
	}
	if a.tooLong() {
		return nil, errTooLarge
	}
	a.trim()
	s := &segment{
		arena:   *a,
		index:   make([]uint32, indexSlots(a.rows)),
		refMask: 1<<bits.Len32(uint32(len(a.chunks)<<chunkBits)) - 1,
		seed:    seed,
	}
	s.each(func(ref uint32, key, _ string) bool {
		h := maphash.String(seed, key)
		i := s.home(h)
		for s.index[i] != 0 {
			i = s.next(i)
		}
		s.index[i] = s.tag(h) | (ref + 1)
		return true
	})
	return s, nil
}

// indexSlots keeps the index at most 5/8 full.
func indexSlots(rows int) int { return rows*8/5 + 2 }

func (s *segment) home(h uint64) uint32 {
	return uint32(uint64(uint32(h)) * uint64(len(s.index)) >> 32)
}

func (s *segment) next(i uint32) uint32 {
	if i++; int(i) == len(s.index) {
		return 0
	}
	return i
}

// tag is the part of a hash that is kept in a slot: of the half that does not
// choose the slot.
func (s *segment) tag(h uint64) uint32 { return uint32(h>>32) &^ s.refMask }

// find returns the first slot at or after i, in probing order, that holds a
// row of key, and its value. tag is the key's.
func (s *segment) find(tag uint32, key string, i uint32) (slot uint32, value string, ok bool) {
	for {
		e := s.index[i]
		if e == 0 {
			return 0, "", false
		}
		if e&^s.refMask == tag {
			if k, v := s.row(s.ref(i)); k == key {
				return i, v, true
			}
		}
		i = s.next(i)
	}
}

// first returns the first value of key.
func (s *segment) first(key string) (string, bool) {
	if s == nil {
		return "", false
	}
	h := maphash.String(s.seed, key)
	_, v, ok := s.find(s.tag(h), key, s.home(h))
	return v, ok
}

// values returns all values of key, nil if it has none.
func (s *segment) values(key string) []string {
	if s == nil {
		return nil
	}
	h := maphash.String(s.seed, key)
	tag := s.tag(h)
	i, v, ok := s.find(tag, key, s.home(h))
	if !ok {
		return nil
	}
	values := []string{v}
	for {
		if i, v, ok = s.find(tag, key, s.next(i)); !ok {
			return values
		}
		values = append(values, v)
	}
}

// ref returns the reference of the row in a slot.
func (s *segment) ref(slot uint32) uint32 { return s.index[slot]&s.refMask - 1 }

// size is the memory of the segment in bytes.
func (s *segment) size() int64 {
	if s == nil {
		return 0
	}
	return s.bytes + int64(4*len(s.index))
}
