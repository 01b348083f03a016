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

// trouble are the words of a line that makes a measurement worthless.
var trouble = [][]byte{
	[]byte("status=deferred"), []byte("status=bounced"), []byte("warning: "), []byte("fatal: "), []byte(": reject: "),
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
		for _, words := range trouble {
			if bytes.Contains(line, words) {
				return n, fmt.Errorf("in its log: %.300s", bytes.TrimSpace(line))
			}
		}
		if bytes.HasSuffix(line, []byte(": removed\n")) {
			n++
		}
	}
	return n, nil
}
