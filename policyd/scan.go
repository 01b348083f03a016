package policyd

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ErrMalformed marks what is no policy request. The connection ends without a
// reply.
var ErrMalformed = errors.New("malformed policy request")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
}

// parse takes the request with which text begins and tells where it ends. It
// judges line by line, so what follows a fault makes no difference to it.
func (q *Request) parse(text string, l Limits) (end int, err error) {
	q.Attributes = q.Attributes[:0]
	for at := 0; ; {
		n := strings.IndexByte(text[at:], '\n')
		if n < 0 || n >= l.Line || at+n >= l.Request {
			return 0, q.unbounded(text[at:], at, n, l)
		}
		line := text[at : at+n]
		at += n + 1
		if n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		if line == "" {
			return at, q.whole(text[:at])
		}
		equals := strings.IndexByte(line, '=')
		if equals <= 0 || len(q.Attributes) == l.Attributes {
			return 0, q.notAttribute(line, equals, l)
		}
		name, value := line[:equals], line[equals+1:]
		q.Attributes = append(q.Attributes, Attribute{name, value})
		q.set(name, value)
	}
}

// unbounded tells what is wrong with the line that begins text, at the byte of
// the request, and has n bytes before its LF, or none yet (-1). What is passed
// first counts, as if bytes came singly.
func (q *Request) unbounded(text string, at, n int, l Limits) error {
	if n < 0 {
		n = len(text)
	}
	switch {
	case n >= l.Line && at+l.Line <= l.Request:
		return malformed("line %d: %.64q is longer than %d bytes; line_length_limit of Postfix is 2048",
			len(q.Attributes)+1, text[:n], l.Line)
	case at+n >= l.Request:
		return malformed("over %d bytes without an empty line; Postfix sends about 1000, and line_length_limit bounds each value", l.Request)
	}
	return io.ErrUnexpectedEOF
}

func (q *Request) notAttribute(line string, equals int, l Limits) error {
	n := len(q.Attributes) + 1
	switch {
	case equals < 0:
		return malformed("line %d: name=value is expected, not %.64q", n, line)
	case equals == 0:
		return malformed("line %d: %.64q has no name before the =", n, line)
	}
	return malformed("more than %d attributes; Postfix 3.12 sends 32", l.Attributes)
}

// whole judges a request that has come to its end.
func (q *Request) whole(text string) error {
	if len(q.Attributes) == 0 {
		return malformed("no attributes before the empty line; name=value is expected, one a line")
	}
	if strings.IndexByte(text, 0) < 0 {
		return nil
	}
	for i, a := range q.Attributes {
		if strings.Contains(a.Name, "\x00") || strings.Contains(a.Value, "\x00") {
			return malformed("line %d: %.64q=%.64q contains a NUL", i+1, a.Name, a.Value)
		}
	}
	return nil
}

// collect reads a request in the portions in which it comes, up to its empty
// line or to the first line that parse will refuse.
func collect(r *bufio.Reader, l Limits) ([]byte, error) {
	var text []byte
	for at, lines := 0, 1; ; {
		part, err := r.ReadSlice('\n')
		text = append(text, part...)
		line, missing := text[at:], 0
		if err != nil {
			missing = 1 // a LF at least
		}
		switch {
		case len(line)+missing > l.Line || len(text)+missing > l.Request:
			return text, nil
		case err == bufio.ErrBufferFull:
			continue
		case err == io.EOF && len(text) > 0:
			return nil, io.ErrUnexpectedEOF
		case err != nil:
			return nil, err
		case len(line) <= 2 || bytes.IndexByte(line, '=') <= 0 || lines > l.Attributes:
			return text, nil
		}
		at, lines = len(text), lines+1
	}
}
