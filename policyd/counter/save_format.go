package counter

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"postern/internal/statefile"
)

// stateFormat is the format of the state file. Its body, in version 1:
//
//	varint      when it was saved, Unix time in nanoseconds
//	records     one after the other until the end:
//	  byte      what it is; a reader steps over what it does not know
//	  uvarint   length of the rest
//	  1         a counter: string rule, string key, uvarint Per in ns, uvarint N as
//	            last asked, uvarint units, uvarint fraction of a unit in 1/Per,
//	            varint age of the level in ns when the file was saved
//	  2         a payment: 16 bytes name, varint amount, byte generation (0 young, 1 old)
//	  3         how long ago the young generation of payments began: varint, in ns
//
// A string is its length as uvarint and its bytes. A reader ignores what a
// record has after the fields it knows.
var stateFormat = statefile.Format{Name: "policy-counters", Version: 1}

const (
	counterRecord = 1
	paymentRecord = 2
	sinceRecord   = 3
)

// maxRecord bounds a record: the strings of a request are far below.
const maxRecord = 1 << 20

// savedCounter is a counter as the file has it.
type savedCounter struct {
	rule, key string
	window    Window
	level     level
	age       int64
}

func appendRecord(b []byte, what byte, payload []byte) []byte {
	b = append(b, what)
	b = binary.AppendUvarint(b, uint64(len(payload)))
	return append(b, payload...)
}

func (s *savedCounter) append(b []byte) []byte {
	b = appendPart(b, s.rule)
	b = appendPart(b, s.key)
	b = binary.AppendUvarint(b, uint64(s.window.Per))
	b = binary.AppendUvarint(b, uint64(s.window.N))
	b = binary.AppendUvarint(b, uint64(s.level.units))
	b = binary.AppendUvarint(b, uint64(s.level.frac))
	return binary.AppendVarint(b, s.age)
}

func (s *savedCounter) parse(r *fields) error {
	s.rule, s.key = r.string(), r.string()
	s.window = Window{Per: time.Duration(r.number()), N: r.number()}
	s.level = level{r.number(), r.number()}
	s.age = r.varint()
	if r.bad || s.key == "" || s.window.Per <= 0 || s.level.frac >= int64(s.window.Per) {
		return errors.New("counter that makes no sense")
	}
	return nil
}

// fields reads the fields of a record; bad once one was not there.
type fields struct {
	b   []byte
	bad bool
}

func (f *fields) take(n uint64) []byte {
	if n > uint64(len(f.b)) {
		f.b, f.bad = nil, true
		return nil
	}
	taken := f.b[:n]
	f.b = f.b[n:]
	return taken
}

func (f *fields) uvarint() uint64 {
	v, n := binary.Uvarint(f.b)
	if n <= 0 {
		f.bad = true
		return 0
	}
	f.take(uint64(n))
	return v
}

func (f *fields) varint() int64 {
	v, n := binary.Varint(f.b)
	if n <= 0 {
		f.bad = true
		return 0
	}
	f.take(uint64(n))
	return v
}

// number is a uvarint of 63 bits.
func (f *fields) number() int64 {
	v := f.uvarint()
	f.bad = f.bad || v > 1<<63-1
	return int64(v)
}

func (f *fields) string() string { return string(f.take(f.uvarint())) }

// readRecord returns io.EOF at the end. The record is valid until the next one.
func readRecord(r *bufio.Reader, room []byte) (what byte, record []byte, err error) {
	if what, err = r.ReadByte(); err != nil {
		return 0, nil, err
	}
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return 0, nil, fmt.Errorf("length of a record: %w", noEOF(err))
	}
	if n > maxRecord {
		return 0, nil, fmt.Errorf("record of %d bytes", n)
	}
	if uint64(cap(room)) < n {
		room = make([]byte, n)
	}
	record = room[:n]
	if _, err := io.ReadFull(r, record); err != nil {
		return 0, nil, fmt.Errorf("record: %w", noEOF(err))
	}
	return what, record, nil
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
