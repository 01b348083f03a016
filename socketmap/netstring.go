package socketmap

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// ErrMalformed says that the peer sent what is no request (to the handler) or
// no reply (to the client). The stream cannot be read any further.
var ErrMalformed = errors.New("malformed")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
}

// readNetstring reads one netstring with a payload of at most limit bytes. It
// gives io.EOF where there is none, io.ErrUnexpectedEOF where one breaks off.
// If padded, the length may have leading zeros or, for zero, no digits.
func readNetstring(r *bufio.Reader, limit int, padded bool) (string, error) {
	n, err := readLength(r, limit, padded)
	if err != nil {
		return "", err
	}
	if n+1 <= r.Size() {
		return peekPayload(r, n)
	}
	return readPayload(r, n)
}

// readLength reads the digits and the colon. It stops at the first digit that
// takes the length past limit, however many may follow.
func readLength(r *bufio.Reader, limit int, padded bool) (int, error) {
	n := 0
	for digits := 0; ; digits++ {
		c, err := r.ReadByte()
		switch {
		case err == io.EOF && digits > 0:
			return 0, io.ErrUnexpectedEOF
		case err != nil:
			return 0, err
		case c == ':' && (digits > 0 || padded):
			return n, nil
		case c < '0' || c > '9':
			return 0, malformed("netstring length: a digit is expected, not %q", c)
		case n == 0 && digits > 0 && !padded:
			return 0, malformed("netstring length: leading zero")
		}
		n = 10*n + int(c-'0')
		if n > limit {
			return 0, malformed("netstring length: over the limit of %d bytes", limit)
		}
	}
}

// peekPayload reads a payload that fits the buffer: no copy but the string.
func peekPayload(r *bufio.Reader, n int) (string, error) {
	b, err := r.Peek(n + 1)
	if err != nil {
		return "", midway(err)
	}
	if b[n] != ',' {
		return "", badEnd(b[n])
	}
	payload := string(b[:n])
	_, err = r.Discard(n + 1)
	return payload, err
}

// readPayload reads a payload that is larger than the buffer.
func readPayload(r *bufio.Reader, n int) (string, error) {
	b := make([]byte, n+1)
	if _, err := io.ReadFull(r, b); err != nil {
		return "", midway(err)
	}
	if b[n] != ',' {
		return "", badEnd(b[n])
	}
	return string(b[:n]), nil
}

func badEnd(c byte) error {
	return malformed("netstring: a comma is expected after the last byte, not %q", c)
}

func midway(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
