package migrate

import (
	"hash/fnv"
	"maps"
	"slices"
)

// sample is a set of keys that stays small however many are added: when it
// holds four times the limit, keys go by their hash until half is left, and
// those that come later by the same rule. So the same tables give the same
// sample.
type sample struct {
	limit int // 0: all keys are kept
	keys  map[string]bool
	mask  uint32
}

func newSample(limit int) sample {
	return sample{limit: limit, keys: map[string]bool{}}
}

func (s *sample) add(key string) {
	if hash(key)&s.mask != 0 {
		return
	}
	s.keys[key] = true
	for s.limit > 0 && len(s.keys) > 4*s.limit && s.mask != ^uint32(0) {
		s.mask = s.mask<<1 | 1
		maps.DeleteFunc(s.keys, func(key string, _ bool) bool { return hash(key)&s.mask != 0 })
	}
}

func (s *sample) sorted() []string {
	return slices.Sorted(maps.Keys(s.keys))
}

func hash(key string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(key))
	return h.Sum32()
}
