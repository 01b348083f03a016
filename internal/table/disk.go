package table

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	diskMagic   = "postern table\n\x01\x00" // the last two bytes: layout of this file
	rowEncoding = 1                         // what keys and values look like: docs/architecture.md
	maxHeader   = 64 << 10
	oldTemp     = time.Hour // a temporary file of this age is nobody's
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errForeign is a disk copy that is whole, but not of this table.
var errForeign = errors.New("not a copy of this table")

// disk is the directory of the disk copies: NAME.table, and beside it
// NAME.current with the time at which that content was last known to be the
// database's, so that a table that does not change need not be written again.
//
// NAME.table is the magic, the header (length as uint32, JSON, CRC-32C), then
// the shards in order (see section.go). Numbers are little-endian.
type disk struct {
	dir      string
	identity string
	log      *slog.Logger
	create   func(dir, pattern string) (*os.File, error) // os.CreateTemp, or a disk that is full
}

// header is the first part of a disk copy. A reader ignores members that it
// does not know and refuses another encoding.
type header struct {
	Table      string    `json:"table"`
	Identity   string    `json:"identity"`
	Encoding   int       `json:"encoding"`
	Shards     int       `json:"shards"`
	Rows       int       `json:"rows"`
	Checksum   uint64    `json:"checksum"`
	Generation uint64    `json:"generation"`
	Current    time.Time `json:"current"`   // when it was last known to be the database's
	LoadedAt   time.Time `json:"loaded_at"` // when it was last loaded whole
}

// mark is the content of NAME.current.
type mark struct {
	Rows       int       `json:"rows"`
	Checksum   uint64    `json:"checksum"`
	Generation uint64    `json:"generation"`
	Current    time.Time `json:"current"`
}

func (d disk) path(table string) string        { return filepath.Join(d.dir, table+".table") }
func (d disk) markPath(table string) string    { return filepath.Join(d.dir, table+".current") }
func (d disk) damagedPath(table string) string { return d.path(table) + ".damaged" }

// write makes s the disk copy of table.
func (d disk) write(table string, s *snapshot, current time.Time) error {
	return d.replace(d.path(table), func(w io.Writer) error {
		h, err := json.Marshal(header{
			Table: table, Identity: d.identity, Encoding: rowEncoding, Shards: shards,
			Rows: s.rows, Checksum: s.sum, Generation: s.generation,
			Current: current.UTC(), LoadedAt: s.loadedAt.UTC(),
		})
		if err != nil {
			return err
		}
		b := append([]byte(diskMagic), binary.LittleEndian.AppendUint32(nil, uint32(len(h)))...)
		b = append(b, h...)
		b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(h, castagnoli))
		if _, err := w.Write(b); err != nil {
			return err
		}
		for i := range s.shards {
			if err := writeSection(w, s.shards[i].flat()); err != nil {
				return err
			}
		}
		return nil
	})
}

// writeMark notes that the disk copy of table, which says what s says, was the
// database's content at that time.
func (d disk) writeMark(table string, s *snapshot, current time.Time) error {
	return d.replace(d.markPath(table), func(w io.Writer) error {
		return json.NewEncoder(w).Encode(mark{s.rows, s.sum, s.generation, current.UTC()})
	})
}

// replace writes a file beside path and renames it into place when it is
// complete and on the disk.
func (d disk) replace(path string, write func(io.Writer) error) (err error) {
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return err
	}
	f, err := d.create(d.dir, filepath.Base(path)+".*.tmp") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	w := bufio.NewWriterSize(f, 256<<10)
	if err := write(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return d.sync()
}

// sync makes a rename last.
func (d disk) sync() error {
	f, err := os.Open(d.dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// read reads the disk copy of t. It may take so much memory; 0: no limit.
// errForeign and fs.ErrNotExist are no trouble.
func (d disk) read(t *Table, limit int64) (s *snapshot, current time.Time, err error) {
	f, err := os.Open(d.path(t.name))
	if err != nil {
		return nil, time.Time{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, time.Time{}, err
	}
	if limit > 0 && info.Size() > limit {
		return nil, time.Time{}, errTooLarge
	}
	r := bufio.NewReaderSize(f, 256<<10)
	h, err := readHeader(r)
	if err != nil {
		return nil, time.Time{}, err
	}
	if err := d.fits(h, t.name); err != nil {
		return nil, time.Time{}, err
	}
	s = &snapshot{loaded: true, origin: fromDisk, generation: h.Generation, loadedAt: h.LoadedAt}
	if err := s.readSections(r, info.Size(), t.seed); err != nil {
		return nil, time.Time{}, err
	}
	if s.rows != h.Rows || s.sum != h.Checksum {
		return nil, time.Time{}, fmt.Errorf("%d rows with checksum %x, the header says %d with %x", s.rows, s.sum, h.Rows, h.Checksum)
	}
	return s, d.readMark(t.name, s, h.Current), nil
}

func readHeader(r io.Reader) (h header, err error) {
	start := make([]byte, len(diskMagic)+4)
	if _, err := io.ReadFull(r, start); err != nil {
		return h, fmt.Errorf("header: %w", err)
	}
	if string(start[:len(diskMagic)]) != diskMagic {
		return h, fmt.Errorf("%w: it does not begin like one of this version", errForeign)
	}
	n := binary.LittleEndian.Uint32(start[len(diskMagic):])
	if n > maxHeader {
		return h, fmt.Errorf("header: %d bytes long", n)
	}
	b := make([]byte, n+4)
	if _, err := io.ReadFull(r, b); err != nil {
		return h, fmt.Errorf("header: %w", err)
	}
	if crc32.Checksum(b[:n], castagnoli) != binary.LittleEndian.Uint32(b[n:]) {
		return h, errors.New("header: wrong checksum")
	}
	if err := json.Unmarshal(b[:n], &h); err != nil {
		return h, fmt.Errorf("header: %w", err)
	}
	return h, nil
}

// fits reports whether a copy with that header can be used for table.
func (d disk) fits(h header, table string) error {
	switch {
	case h.Table != table:
		return fmt.Errorf("%w: it is one of table %.200q", errForeign, h.Table)
	case h.Identity != d.identity:
		return fmt.Errorf("%w: it is one of database %.200q, this is %q", errForeign, h.Identity, d.identity)
	case h.Encoding != rowEncoding || h.Shards != shards:
		return fmt.Errorf("%w: it has row encoding %d in %d shards, not %d in %d",
			errForeign, h.Encoding, h.Shards, rowEncoding, shards)
	}
	return nil
}

// readMark returns when s was last known to be current: as the mark says, if
// it is one of s.
func (d disk) readMark(table string, s *snapshot, current time.Time) time.Time {
	f, err := os.Open(d.markPath(table))
	if err != nil {
		return current
	}
	defer f.Close()
	var m mark
	err = json.NewDecoder(io.LimitReader(f, maxHeader)).Decode(&m)
	if err != nil || m.Rows != s.rows || m.Checksum != s.sum || m.Generation != s.generation || m.Current.Before(current) {
		return current
	}
	return m.Current
}

// setAside keeps a damaged copy for who wants to know what happened, once.
func (d disk) setAside(table string) error {
	return os.Rename(d.path(table), d.damagedPath(table))
}

// clean removes what a crash left of files half written.
func (d disk) clean(now time.Time) {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return // nothing there yet
	}
	for _, e := range entries {
		ours := strings.Contains(e.Name(), ".table.") || strings.Contains(e.Name(), ".current.")
		if info, err := e.Info(); err == nil && ours && strings.HasSuffix(e.Name(), ".tmp") && now.Sub(info.ModTime()) > oldTemp {
			if err := os.Remove(filepath.Join(d.dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				d.log.Warn("half-written disk copy not removed", "error", err)
			}
		}
	}
}
