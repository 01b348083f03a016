package table

import (
	"hash/maphash"
	"time"
)

// loader takes in the rows of a reload. It compares them with what is held:
// rows that are there already only get a mark, so a reload that finds little
// new needs little memory and leaves nothing to collect.
//
// Rows that are found unchanged keep their place among the rows of their key;
// new ones come after them in the order of the load.
type loader struct {
	seed   maphash.Seed
	base   *snapshot
	limit  int64 // of memory, in bytes; 0 means none
	rows   int
	shards [shards]shardLoad
}

// shardLoad is what is known of one shard during a load.
type shardLoad struct {
	kept  marks // by reference into the base segment: the row is there still
	nkept int
	next  uint32 // the row behind the last one found: loads tend to have one order
	added arena
}

// marks is a set of rows of an arena. A row takes two bytes at least.
type marks []uint64

func (m marks) has(ref uint32) bool { return m[ref>>7]&(1<<(ref>>1&63)) != 0 }
func (m marks) set(ref uint32)      { m[ref>>7] |= 1 << (ref >> 1 & 63) }

// reading is a complete load.
type reading struct {
	content *snapshot
	lost    int   // rows that were held and have gone: the guard's measure
	rebuilt int64 // bytes of segments that were replaced
}

func newLoader(seed maphash.Seed, base *snapshot, limit int64) *loader {
	l := &loader{seed: seed, base: base, limit: limit}
	for i := range base.shards {
		if seg := base.shards[i].seg; seg != nil {
			l.shards[i].kept = make(marks, len(seg.chunks)<<chunkBits>>7)
		}
	}
	return l
}

// add takes in one row.
func (l *loader) add(key, value string) error {
	kh := keyHash(key)
	i := kh >> (64 - shardBits)
	if sl := &l.shards[i]; !sl.keep(&l.base.shards[i], key, value) {
		sl.added.append(kh, key, value)
	}
	l.rows++
	if l.rows&1023 == 0 && l.limit > 0 && l.size() > l.limit {
		return errTooLarge
	}
	return nil
}

// keep marks the row as still there, if it is in the segment of sh.
func (sl *shardLoad) keep(sh *shard, key, value string) bool {
	if sh.seg == nil {
		return false
	}
	if len(sh.over) > 0 {
		if _, changed := sh.over[key]; changed {
			return false // the segment's rows of it are out of date
		}
	}
	if ref := sl.next; sh.seg.holds(ref) && !sl.kept.has(ref) {
		if k, v := sh.seg.row(ref); k == key && v == value {
			sl.mark(sh.seg, ref, k, v)
			return true
		}
	}
	h := maphash.String(sh.seg.seed, key)
	tag := sh.seg.tag(h)
	for i := sh.seg.home(h); ; i = sh.seg.next(i) {
		slot, v, ok := sh.seg.find(tag, key, i)
		if !ok {
			return false
		}
		if ref := sh.seg.ref(slot); v == value && !sl.kept.has(ref) {
			sl.mark(sh.seg, ref, key, v)
			return true
		}
		i = slot
	}
}

func (sl *shardLoad) mark(seg *segment, ref uint32, key, value string) {
	sl.kept.set(ref)
	sl.nkept++
	sl.next = seg.after(ref, key, value)
}

// size estimates the memory that the table will need.
func (l *loader) size() (n int64) {
	for i := range l.shards {
		sl := &l.shards[i]
		n += sl.added.bytes + int64(4*indexSlots(sl.added.rows))
		if seg := l.base.shards[i].seg; seg != nil {
			n += seg.size() * int64(sl.nkept) / int64(seg.rows)
		}
	}
	return n
}

// finish makes the new content. What was asked up to ticket is older than it.
func (l *loader) finish(ticket uint64, at time.Time) (reading, error) {
	next := &snapshot{loaded: true, origin: fromDatabase, loadedAt: at}
	r := reading{content: next}
	vanished := 0
	for i := range l.shards {
		base, sl := &l.base.shards[i], &l.shards[i]
		seg := base.seg
		if !sl.same(base) {
			var err error
			if seg, err = sl.rebuild(base.seg, l.seed); err != nil {
				return reading{}, err
			}
			vanished += base.vanished(seg)
			r.rebuilt += base.seg.size()
		}
		*sl = shardLoad{}
		next.shards[i] = shard{seg: seg, floor: ticket}
		if seg != nil {
			next.rows += seg.rows
			next.sum = (next.sum + seg.sum) & sumMask
		}
	}
	r.lost = max(vanished, l.base.rows-next.rows)
	if l.limit > 0 && next.size() > l.limit {
		return reading{}, errTooLarge
	}
	return r, nil
}

// same reports whether the segment of sh holds exactly what was loaded.
func (sl *shardLoad) same(sh *shard) bool {
	held := 0
	if sh.seg != nil {
		held = sh.seg.rows
	}
	return len(sh.over) == 0 && sl.added.rows == 0 && sl.nkept == held
}

// rebuild makes a segment of the rows of seg that were found again and of the
// new ones.
func (sl *shardLoad) rebuild(seg *segment, seed maphash.Seed) (*segment, error) {
	if sl.nkept == 0 {
		return newSegment(&sl.added, seed)
	}
	var a arena
	seg.each(func(ref uint32, key, value string) bool {
		if sl.kept.has(ref) {
			a.append(keyHash(key), key, value)
		}
		return true
	})
	sl.added.each(func(_ uint32, key, value string) bool {
		a.append(keyHash(key), key, value)
		return true
	})
	return newSegment(&a, seed)
}

// vanished counts the rows of sh whose keys have no row at all in seg.
func (sh *shard) vanished(seg *segment) (n int) {
	sh.each(func(key, _ string) bool {
		if _, there := seg.first(key); !there {
			n++
		}
		return true
	})
	return n
}
