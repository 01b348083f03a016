package main

import (
	"bytes"
	"fmt"
	"io"
)

// mailLog reads the log of a Postfix as it grows.
type mailLog struct {
	file io.ReadCloser
	rest []byte // the beginning of a line that is still being written
}

// spoils reports whether a line makes a measurement worthless. The clock of a
// file system lags behind that of the machine by a tick, which some Postfix
// takes for a second, and mends.
func spoils(line []byte) bool {
	for _, words := range []string{"status=deferred", "status=bounced", "warning: ", "fatal: ", ": reject: "} {
		if bytes.Contains(line, []byte(words)) {
			return !bytes.Contains(line, []byte("warning: file system clock")) &&
				!bytes.Contains(line, []byte("warning: resetting file time stamps"))
		}
	}
	return false
}

// removed counts the mails that have left the queue since the last call.
func (m *mailLog) removed() (int, error) {
	text, err := io.ReadAll(m.file)
	if err != nil {
		return 0, err
	}
	text = append(m.rest, text...)
	end := bytes.LastIndexByte(text, '\n') + 1
	m.rest = bytes.Clone(text[end:])
	n := 0
	for line := range bytes.Lines(text[:end]) {
		if spoils(line) {
			return n, fmt.Errorf("in its log: %.300s", bytes.TrimSpace(line))
		}
		if bytes.HasSuffix(line, []byte(": removed\n")) {
			n++
		}
	}
	return n, nil
}
