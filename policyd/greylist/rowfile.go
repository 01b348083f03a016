package greylist

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// longestRow bounds what is read of a row; the longest that is written has
// three texts of 200 bytes, a hundred messages and some numbers.
const longestRow = 16 << 10

var errShortRow = errors.New("a row ends within a field")

// appendTo writes a row: its length, and then group, sender, owner, first, last,
// dies, count, message, counted. Lengths and count are uvarints, times varints,
// messages 8 bytes. A later version may add fields at the end; a reader steps
// over those.
func (r *row) appendTo(b []byte) []byte {
	var room [1024]byte
	body := room[:0]
	for _, text := range []string{string(r.group), r.sender, r.owner} {
		body = append(binary.AppendUvarint(body, uint64(len(text))), text...)
	}
	for _, t := range []int64{r.first, r.last, r.dies} {
		body = binary.AppendVarint(body, t)
	}
	body = binary.AppendUvarint(body, uint64(r.count))
	body = binary.LittleEndian.AppendUint64(body, r.message)
	body = binary.AppendUvarint(body, uint64(len(r.counted)))
	for _, message := range r.counted {
		body = binary.LittleEndian.AppendUint64(body, message)
	}
	return append(binary.AppendUvarint(b, uint64(len(body))), body...)
}

// readRows reads rows to the end.
func readRows(r *bufio.Reader) ([]*row, error) {
	var rows []*row
	for {
		size, err := binary.ReadUvarint(r)
		if err == io.EOF {
			return rows, nil
		}
		if err != nil || size > longestRow {
			return nil, fmt.Errorf("row %d: its length %d is not one: %w", len(rows), size, errors.Join(err, errShortRow))
		}
		body := make([]byte, size)
		if _, err := io.ReadFull(r, body); err != nil {
			return nil, fmt.Errorf("row %d: %w", len(rows), err)
		}
		one, err := parseRow(body)
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", len(rows), err)
		}
		rows = append(rows, one)
	}
}

func parseRow(body []byte) (*row, error) {
	f := fields{rest: body}
	r := &row{key: key{group: Group(f.text()), sender: f.text(), owner: f.text()}}
	r.first, r.last, r.dies = f.time(), f.time(), f.time()
	r.count, r.message = int(f.number()), f.message()
	for range f.number() {
		if f.short {
			break
		}
		r.counted = append(r.counted, f.message())
	}
	if f.short || r.count < 0 || r.group == "" {
		return nil, errShortRow
	}
	return r, nil
}

// fields reads the fields of a row; short is set where there are too few.
type fields struct {
	rest  []byte
	short bool
}

func (f *fields) take(n int) []byte {
	if n <= 0 || n > len(f.rest) {
		f.short = f.short || n != 0
		return nil
	}
	taken := f.rest[:n]
	f.rest = f.rest[n:]
	return taken
}

func (f *fields) number() uint64 {
	value, n := binary.Uvarint(f.rest)
	f.take(max(n, -1))
	f.short = f.short || n == 0
	return value
}

func (f *fields) time() int64 {
	value, n := binary.Varint(f.rest)
	f.take(max(n, -1))
	f.short = f.short || n == 0
	return value
}

func (f *fields) text() string {
	n := f.number()
	if n > uint64(len(f.rest)) {
		f.short = true
		return ""
	}
	return string(f.take(int(n)))
}

func (f *fields) message() uint64 {
	b := f.take(8)
	if b == nil {
		return 0
	}
	return binary.LittleEndian.Uint64(b)
}
