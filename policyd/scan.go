package policyd

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// ErrMalformed marks what is no policy request. The connection ends without a
// reply.
var ErrMalformed = errors.New("malformed policy request")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
}

// mark says where an attribute is in the text of its request.
type mark struct{ start, equals, end int }

// scan finds the lines of one request. It judges them in their order and never
// looks at what follows the request, so portions make no difference.
type scan struct {
	limits Limits
	marks  []mark
	line   int  // where the line under way begins
	seen   int  // up to here there is no further LF
	done   bool // line is the end of the request
}

// text takes one request from r: io.EOF if there is none, io.ErrUnexpectedEOF
// if it breaks off.
func (s *scan) text(r *bufio.Reader) (string, error) {
	for seen := 0; seen < r.Size(); {
		if _, err := r.Peek(seen + 1); err != nil {
			return "", midway(err, seen)
		}
		b, _ := r.Peek(r.Buffered())
		if err := s.lines(b); err != nil {
			return "", err
		}
		if s.done {
			text := string(b[:s.line])
			_, err := r.Discard(s.line)
			return text, err
		}
		seen = len(b)
	}
	return s.collect(r)
}

// collect goes on with a request that is larger than the buffer, which is full.
func (s *scan) collect(r *bufio.Reader) (string, error) {
	var text []byte
	for {
		if _, err := r.Peek(1); err != nil {
			return "", midway(err, len(text))
		}
		b, _ := r.Peek(r.Buffered())
		before := len(text)
		text = append(text, b...)
		if err := s.lines(text); err != nil {
			return "", err
		}
		if s.done {
			_, err := r.Discard(s.line - before)
			return string(text[:s.line]), err
		}
		_, _ = r.Discard(len(b)) // as much is buffered
	}
}

func midway(err error, seen int) error {
	if err == io.EOF && seen > 0 {
		return io.ErrUnexpectedEOF
	}
	return err
}

// lines looks at b, which is what has come from the beginning of the request.
func (s *scan) lines(b []byte) error {
	for !s.done {
		n := bytes.IndexByte(b[s.seen:], '\n')
		if n < 0 {
			s.seen = len(b)
			return s.bounded(b, len(b)+1) // at least a LF is to come
		}
		end := s.seen + n
		if err := s.bounded(b, end+1); err != nil {
			return err
		}
		if err := s.attribute(b[s.line:end]); err != nil {
			return err
		}
		s.line, s.seen = end+1, end+1
	}
	return nil
}

// attribute takes a line without its LF.
func (s *scan) attribute(line []byte) error {
	line = bytes.TrimSuffix(line, []byte{'\r'})
	equals := bytes.IndexByte(line, '=')
	switch {
	case len(line) == 0 && len(s.marks) == 0:
		return malformed("no attributes before the empty line; name=value is expected, one a line")
	case len(line) == 0:
		s.done = true
		return nil
	case equals < 0:
		return malformed("line %d: name=value is expected, not %.64q", len(s.marks)+1, line)
	case equals == 0:
		return malformed("line %d: %.64q has no name before the =", len(s.marks)+1, line)
	case bytes.IndexByte(line, 0) >= 0:
		return malformed("line %d: %.64q contains a NUL", len(s.marks)+1, line)
	case len(s.marks) == s.limits.Attributes:
		return malformed("more than %d attributes; Postfix sends 32", s.limits.Attributes)
	}
	s.marks = append(s.marks, mark{s.line, s.line + equals, s.line + len(line)})
	return nil
}

// bounded refuses a line under way, or a request, of which length bytes of b
// or more have come. What is passed first counts, as if bytes came singly.
func (s *scan) bounded(b []byte, length int) error {
	if length-s.line > s.limits.Line && s.line+s.limits.Line <= s.limits.Request {
		return malformed("line %d: %.64q… is longer than %d bytes, where line_length_limit of Postfix has 2048",
			len(s.marks)+1, b[s.line:], s.limits.Line)
	}
	if length > s.limits.Request {
		return malformed("more than %d bytes without an empty line after them; a request of Postfix's has about 1000, "+
			"and line_length_limit bounds each value", s.limits.Request)
	}
	return nil
}
