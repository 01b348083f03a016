package table

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/maphash"
	"io"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// A section of a disk copy is one shard: the number of rows (uint32), their
// share of the checksum (uint64), the number of chunks (uint32), the length of
// each (uint32), the chunks, and the CRC-32C of all that (uint32).
const sectionHead = 4 + 8 + 4

var errDamaged = errors.New("damaged")

// flat is the rows of sh, changes included, as one arena.
func (sh *shard) flat() *arena {
	if len(sh.over) == 0 {
		if sh.seg == nil {
			return &arena{}
		}
		return &sh.seg.arena
	}
	a := &arena{}
	sh.each(func(key, value string) bool {
		a.append(keyHash(key), key, value)
		return true
	})
	return a
}

func writeSection(w io.Writer, a *arena) error {
	b := binary.LittleEndian.AppendUint32(nil, uint32(a.rows))
	b = binary.LittleEndian.AppendUint64(b, a.sum)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(a.chunks)))
	for _, c := range a.chunks {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(c)))
	}
	crc := uint32(0)
	for _, part := range append([][]byte{b}, a.chunks...) {
		crc = crc32.Update(crc, castagnoli, part)
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	_, err := w.Write(binary.LittleEndian.AppendUint32(nil, crc))
	return err
}

// readSections reads all shards and makes their indexes, on all cores. size is
// the length of the file, which no section can exceed.
func (s *snapshot) readSections(r io.Reader, size int64, seed maphash.Seed) error {
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	var failed error
	for i := range s.shards {
		body, err := readSection(r, size)
		if err != nil {
			failed = fmt.Errorf("shard %d: %w", i, err)
			break
		}
		group.Go(func() error {
			a, err := body.arena()
			if err == nil {
				s.shards[i].seg, err = newSegment(a, seed)
			}
			if err != nil {
				return fmt.Errorf("shard %d: %w", i, err)
			}
			return nil
		})
	}
	if err := errors.Join(group.Wait(), failed); err != nil {
		return err
	}
	for i := range s.shards {
		if seg := s.shards[i].seg; seg != nil {
			s.rows += seg.rows
			s.sum = (s.sum + seg.sum) & sumMask
		}
	}
	if n, _ := r.Read(make([]byte, 1)); n > 0 {
		return fmt.Errorf("%w: there is more behind its end", errDamaged)
	}
	return nil
}

// section is one section as read.
type section struct {
	rows int
	sum  uint64
	lens []uint32
	data []byte // all chunks, one behind the other
}

// readSection reads one section and compares its checksum.
func readSection(r io.Reader, size int64) (s section, err error) {
	head := make([]byte, sectionHead)
	if _, err := io.ReadFull(r, head); err != nil {
		return s, err
	}
	s.rows = int(binary.LittleEndian.Uint32(head))
	s.sum = binary.LittleEndian.Uint64(head[4:])
	chunks := binary.LittleEndian.Uint32(head[12:])
	if int64(chunks)*4 > size {
		return s, fmt.Errorf("%w: %d chunks", errDamaged, chunks)
	}
	lens := make([]byte, 4*chunks)
	if _, err := io.ReadFull(r, lens); err != nil {
		return s, err
	}
	total := int64(0)
	for off := 0; off < len(lens); off += 4 {
		n := binary.LittleEndian.Uint32(lens[off:])
		s.lens = append(s.lens, n)
		total += int64(n)
	}
	if total > size {
		return s, fmt.Errorf("%w: %d bytes of rows", errDamaged, total)
	}
	s.data = make([]byte, total)
	if _, err := io.ReadFull(r, s.data); err != nil {
		return s, err
	}
	tail := make([]byte, 4)
	if _, err := io.ReadFull(r, tail); err != nil {
		return s, err
	}
	crc := crc32.Update(crc32.Update(crc32.Checksum(head, castagnoli), castagnoli, lens), castagnoli, s.data)
	if crc != binary.LittleEndian.Uint32(tail) {
		return s, fmt.Errorf("%w: wrong checksum", errDamaged)
	}
	return s, nil
}

// arena is the rows of a section, after a look at each: whatever the file
// holds, a lookup must not stumble over it.
func (s section) arena() (*arena, error) {
	a := &arena{rows: s.rows, bytes: int64(len(s.data)), sum: s.sum & sumMask}
	rows, at := 0, 0
	for _, n := range s.lens {
		if n == 0 {
			return nil, fmt.Errorf("%w: an empty chunk", errDamaged)
		}
		c := s.data[at : at+int(n) : at+int(n)]
		at += int(n)
		starts, err := countRows(c)
		if err != nil {
			return nil, err
		}
		rows += starts
		a.chunks = append(a.chunks, c)
	}
	if rows != s.rows {
		return nil, fmt.Errorf("%w: %d rows, not %d", errDamaged, rows, s.rows)
	}
	return a, nil
}

// countRows counts the rows of a chunk.
func countRows(c []byte) (n int, err error) {
	for off := 0; off < len(c); n++ {
		if off >= chunkSize {
			return 0, fmt.Errorf("%w: a row begins past the end of its chunk", errDamaged)
		}
		k, i := binary.Uvarint(c[off:])
		v, j := binary.Uvarint(c[off+max(i, 0):])
		left := uint64(len(c) - off)
		if i <= 0 || j <= 0 || k > left || v > left || uint64(i+j)+k+v > left ||
			i != uvarintLen(int(k)) || j != uvarintLen(int(v)) {
			return 0, fmt.Errorf("%w: a row reaches past the end of its chunk", errDamaged)
		}
		off += i + j + int(k) + int(v)
	}
	return n, nil
}
