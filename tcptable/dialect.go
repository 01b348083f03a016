package tcptable

import (
	"bufio"
	"bytes"
	"io"
	"strings"
)

// Dialect is what the handler does otherwise for peers that are used to another
// server. The zero value is the protocol of the package comment. What another
// server is said to do here is so for PostSRSd 1.10; see the tests for its
// complete set of values.
type Dialect struct {
	// CStrings reads a request as a server does that is written in C, with
	// fgets(3) and strtok(3):
	//
	//   - the line ends at the first NUL;
	//   - blanks and carriage returns before the verb are skipped;
	//   - the verb ends at the first blank or carriage return, the key begins
	//     after that byte and after further carriage returns, and it ends at the
	//     next one. It keeps further blanks, and all other control characters;
	//   - an empty key is malformed, unless it is written %00: a key ends there;
	//   - what the connection ends with is a request also without a LF.
	//
	// One thing is not taken over: a line that is longer than Limits.Request is
	// malformed also if a NUL cuts it down to less.
	CStrings bool

	// RawValues sends values of any bytes, quoted, also those that are not
	// UTF-8: where keys are turned into values, a value is no worse than its
	// key. One with a NUL stays an error.
	RawValues bool
}

// readKey reads a request.
func (h *Handler) readKey(r *bufio.Reader) (string, error) {
	if h.Dialect.CStrings {
		return readCString(r, h.Limits.request())
	}
	line, err := readLine(r, h.Limits.request())
	if err != nil {
		return "", err
	}
	return parseRequest(line)
}

// readCString reads a request as Dialect.CStrings says. It reads a byte more
// than it takes, which tells the longest line from one that goes on.
func readCString(r *bufio.Reader, limit int) (string, error) {
	line, err := readLine(r, limit+1)
	switch {
	case err == io.ErrUnexpectedEOF && len(line) <= limit:
		return parseCString(line)
	case err == io.ErrUnexpectedEOF, err == nil && len(line)+1 > limit:
		return "", tooLong(limit)
	case err != nil:
		return "", err
	}
	return parseCString(line)
}

// parseCString gives the key of a line.
func parseCString(line []byte) (string, error) {
	line, _, _ = bytes.Cut(line, []byte{0})
	for len(line) > 0 && (line[0] == ' ' || line[0] == '\r') {
		line = line[1:]
	}
	rest, ok := bytes.CutPrefix(line, []byte("get"))
	if !ok || len(rest) == 0 || rest[0] != ' ' && rest[0] != '\r' {
		return "", notGet(line)
	}
	quoted, _, _ := bytes.Cut(bytes.TrimLeft(rest[1:], "\r"), []byte{'\r'})
	if len(quoted) == 0 {
		return "", malformed("no key")
	}
	key, err := unquote(quoted)
	key, _, _ = strings.Cut(key, "\x00")
	return key, err
}
