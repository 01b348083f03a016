package table

import (
	"encoding/binary"
	"math/bits"
	"unsafe"

	"github.com/cespare/xxhash/v2"
)

const (
	chunkBits  = 16
	chunkSize  = 1 << chunkBits // rows up to here share chunks; a longer one has its own
	firstChunk = 512
	sumMask    = 1<<48 - 1 // a checksum is a metric, and a float64 is exact up to 2^53
)

// arena holds rows one behind the other, each as the length of its key and of
// its value (uvarint), key, value. It grows by chunks, so growing copies
// nothing, and it has no pointers for the garbage collector to follow.
type arena struct {
	chunks [][]byte
	rows   int
	bytes  int64  // of the chunks, as allocated
	sum    uint64 // content checksum: see rowSum
}

// append adds a row whose key has hash kh.
func (a *arena) append(kh uint64, key, value string) {
	need := rowLen(key, value)
	last := len(a.chunks) - 1
	if last < 0 || cap(a.chunks[last])-len(a.chunks[last]) < need {
		a.grow(need)
		last++
	}
	c := a.chunks[last]
	c = binary.AppendUvarint(c, uint64(len(key)))
	c = binary.AppendUvarint(c, uint64(len(value)))
	c = append(c, key...)
	a.chunks[last] = append(c, value...)
	a.rows++
	a.sum = (a.sum + rowSum(kh, value)) & sumMask
}

func (a *arena) grow(need int) {
	size := firstChunk
	if n := len(a.chunks); n > 0 {
		size = min(2*cap(a.chunks[n-1]), chunkSize)
	}
	size = max(size, need)
	a.chunks = append(a.chunks, make([]byte, 0, size))
	a.bytes += int64(size)
}

// trim gives back what the last chunk does not need.
func (a *arena) trim() {
	last := len(a.chunks) - 1
	if last < 0 {
		return
	}
	c := a.chunks[last]
	if slack := cap(c) - len(c); slack > len(c)/8 {
		a.chunks[last] = append(make([]byte, 0, len(c)), c...)
		a.bytes -= int64(slack)
	}
}

// row returns the row at ref. The strings point into the arena, which is never
// written again, and keep it alive.
func (a *arena) row(ref uint32) (key, value string) {
	c := a.chunks[ref>>chunkBits][ref&(chunkSize-1):]
	k, n := uvarint(c)
	v, m := uvarint(c[n:])
	c = c[n+m:]
	return text(c[:k]), text(c[k : k+v])
}

// holds reports whether a row lies at ref, which is 0 or comes from after.
func (a *arena) holds(ref uint32) bool { return int(ref>>chunkBits) < len(a.chunks) }

// after returns where the row behind the given one lies.
func (a *arena) after(ref uint32, key, value string) uint32 {
	i, off := ref>>chunkBits, ref&(chunkSize-1)
	off += uint32(rowLen(key, value))
	if int(off) < len(a.chunks[i]) {
		return i<<chunkBits | off
	}
	return (i + 1) << chunkBits
}

// each calls f with every row, in the order they were appended.
func (a *arena) each(f func(ref uint32, key, value string) bool) {
	for ref := uint32(0); a.holds(ref); {
		key, value := a.row(ref)
		if !f(ref, key, value) {
			return
		}
		ref = a.after(ref, key, value)
	}
}

// tooLong reports whether a reference into the arena would leave no room for
// itself in an index slot.
func (a *arena) tooLong() bool { return len(a.chunks) >= 1<<(31-chunkBits) }

// keyHash chooses the shard of a key and goes into the content checksum. It is
// the same in every process, so that shards can be copied to disk.
func keyHash(key string) uint64 { return xxhash.Sum64String(key) }

// rowSum is the share of one row in the content checksum: the sum over all
// rows modulo 2^48, which depends on no order. It is the same on every host
// and must stay so, because hosts are compared by it.
func rowSum(kh uint64, value string) uint64 {
	const odd = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio
	return (bits.RotateLeft64(kh, 23)*odd + xxhash.Sum64String(value)) * odd >> 16
}

func rowLen(key, value string) int {
	return uvarintLen(len(key)) + uvarintLen(len(value)) + len(key) + len(value)
}

// text is b as a string that shares its memory.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func uvarint(b []byte) (value, size int) {
	if b[0] < 0x80 {
		return int(b[0]), 1
	}
	v, n := binary.Uvarint(b)
	return int(v), n
}

func uvarintLen(n int) int {
	if n < 0x80 {
		return 1
	}
	return (bits.Len(uint(n)) + 6) / 7
}
