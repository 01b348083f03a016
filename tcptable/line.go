package tcptable

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// ErrMalformed says that the peer sent what is no request (to the handler) or
// no reply (to the client). The connection cannot go on.
var ErrMalformed = errors.New("malformed")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
}

// readLine reads a line of at most limit bytes with its LF and gives it
// without. What it gives is valid until the next read. It gives io.EOF where
// there is no line, and what there is with io.ErrUnexpectedEOF where one breaks
// off.
func readLine(r *bufio.Reader, limit int) ([]byte, error) {
	if r.Size() < limit {
		return collectLine(r, limit)
	}
	for seen := 0; seen < limit; {
		if part, err := r.Peek(seen + 1); err != nil {
			if err == io.EOF {
				_, _ = r.Discard(len(part)) // it is given, so it is read
			}
			return part, midway(err, seen)
		}
		b, _ := r.Peek(min(r.Buffered(), limit))
		if end := bytes.IndexByte(b[seen:], '\n'); end >= 0 {
			_, err := r.Discard(seen + end + 1)
			return b[:seen+end], err
		}
		seen = len(b)
	}
	return nil, tooLong(limit)
}

// collectLine reads a line that may not fit the buffer.
func collectLine(r *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > limit {
			return nil, tooLong(limit)
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return line[:len(line)-1], nil
		case err != bufio.ErrBufferFull:
			return line, midway(err, len(line))
		case len(line) == limit:
			return nil, tooLong(limit)
		}
	}
}

func tooLong(limit int) error {
	return malformed("line is longer than %d bytes", limit)
}

func midway(err error, seen int) error {
	if err == io.EOF && seen > 0 {
		return io.ErrUnexpectedEOF
	}
	return err
}

func notGet(line []byte) error {
	return malformed(`a request is "get KEY", this begins with %.32q`, line)
}

// parseRequest gives the key of a request line.
func parseRequest(line []byte) (string, error) {
	line = bytes.TrimSuffix(line, []byte{'\r'})
	quoted, ok := bytes.CutPrefix(line, []byte("get "))
	if !ok {
		return "", notGet(line)
	}
	for _, c := range quoted {
		if c < ' ' || c == 0x7f {
			return "", malformed("control character %q in a key; %%%02X is expected", c, c)
		}
	}
	return unquote(quoted)
}
