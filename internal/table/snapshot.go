package table

import (
	"hash/maphash"
	"maps"
	"slices"
	"time"
)

const (
	shardBits = 6
	shards    = 1 << shardBits

	// fold is when a shard's overlay is folded into its segment between
	// reloads: past this many keys and more than 1/32 of the rows.
	foldKeys  = 64
	foldShare = 32
)

// snapshot is the whole content of a table at one moment. It is immutable: who
// changes a table makes a new one, which shares all that did not change.
//
// It is cut into shards by the hash of the key, so that folding changes in and
// reloading need the memory of one shard more, not that of the table.
type snapshot struct {
	shards     [shards]shard
	loaded     bool   // false: nothing is known of keys that are not held
	origin     string // database or disk copy, for explain
	generation uint64 // of the content: counts changes, goes on across restarts
	rows       int
	sum        uint64 // content checksum, see rowSum
	loadedAt   time.Time
}

// shard is a segment and the keys in front of it that changed since.
type shard struct {
	seg   *segment
	over  map[string]patch
	floor uint64 // what was asked before this ticket is older than the segment
}

// patch is the rows of one key as asked after the segment was built; none if
// the key was deleted.
type patch struct {
	values []string
	ticket uint64
}

// shard returns the shard of key.
func (s *snapshot) shard(key string) *shard { return &s.shards[keyHash(key)>>(64-shardBits)] }

// first returns the first value of key.
func (s *snapshot) first(key string) (string, bool) {
	sh := s.shard(key)
	if len(sh.over) > 0 {
		if p, ok := sh.over[key]; ok {
			if len(p.values) == 0 {
				return "", false
			}
			return p.values[0], true
		}
	}
	return sh.seg.first(key)
}

// values returns all values of key, nil if it has none.
func (s *snapshot) values(key string) []string {
	sh := s.shard(key)
	if len(sh.over) > 0 {
		if p, ok := sh.over[key]; ok {
			return p.values
		}
	}
	return sh.seg.values(key)
}

// each calls f with every row until it returns false.
func (s *snapshot) each(f func(key, value string) bool) {
	for i := range s.shards {
		if !s.shards[i].each(f) {
			return
		}
	}
}

func (sh *shard) each(f func(key, value string) bool) bool {
	more := true
	if sh.seg != nil {
		sh.seg.each(func(_ uint32, key, value string) bool {
			if _, changed := sh.over[key]; !changed {
				more = f(key, value)
			}
			return more
		})
	}
	for key, p := range sh.over {
		for _, v := range p.values {
			if more = more && f(key, v); !more {
				return false
			}
		}
	}
	return more
}

// over counts the rows of s that next does not hold and that are over.
func (s *snapshot) over(next *snapshot, now time.Time, over func(value string, now time.Time) bool) (n int) {
	s.each(func(key, value string) bool {
		if over(value, now) && !slices.Contains(next.values(key), value) {
			n++
		}
		return true
	})
	return n
}

// size is the memory of the snapshot in bytes; what an overlay takes is an
// estimate.
func (s *snapshot) size() int64 {
	var n int64
	for i := range s.shards {
		n += s.shards[i].seg.size()
		for key, p := range s.shards[i].over {
			n += int64(len(key)) + 96
			for _, v := range p.values {
				n += int64(len(v)) + 16
			}
		}
	}
	return n
}

// overlaid is the number of keys in front of the segments.
func (s *snapshot) overlaid() int {
	n := 0
	for i := range s.shards {
		n += len(s.shards[i].over)
	}
	return n
}

// with returns a snapshot in which the keys of patches have those rows, and
// whether that changes what it says. Patches that were asked before what is
// held are left out.
func (s *snapshot) with(patches map[string]patch) (*snapshot, bool) {
	next := *s
	own := map[*shard]bool{} // whose overlay is a copy made here
	changed := false
	for key, p := range patches {
		sh := next.shard(key)
		if p.ticket <= sh.floor || p.ticket <= sh.over[key].ticket {
			continue
		}
		old := next.values(key)
		if !own[sh] {
			own[sh], sh.over = true, maps.Clone(sh.over)
			if sh.over == nil {
				sh.over = map[string]patch{}
			}
		}
		sh.over[key] = p
		if !slices.Equal(old, p.values) {
			changed = true
			next.rows += len(p.values) - len(old)
			next.sum = (next.sum + sumOf(key, p.values) - sumOf(key, old)) & sumMask
		}
	}
	if changed {
		next.generation++
	}
	return &next, changed
}

func sumOf(key string, values []string) (sum uint64) {
	kh := keyHash(key)
	for _, v := range values {
		sum += rowSum(kh, v)
	}
	return sum
}

// folded returns s with the overlays that have grown large folded into their
// segments. Its rows are the same.
func (s *snapshot) folded(seed maphash.Seed, ticket uint64) *snapshot {
	next := s
	for i := range s.shards {
		sh := &s.shards[i]
		rows := 0
		if sh.seg != nil {
			rows = sh.seg.rows
		}
		if len(sh.over) <= foldKeys || len(sh.over) <= rows/foldShare {
			continue
		}
		var a arena
		sh.each(func(key, value string) bool {
			a.append(keyHash(key), key, value)
			return true
		})
		seg, err := newSegment(&a, seed)
		if err != nil {
			continue // the overlay goes on standing in front
		}
		if next == s {
			c := *s
			next = &c
		}
		next.shards[i] = shard{seg: seg, floor: ticket}
	}
	return next
}
