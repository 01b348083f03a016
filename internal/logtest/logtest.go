// Package logtest is a log for tests that is read while others write to it.
package logtest

import (
	"bytes"
	"sync"
)

// Log holds what was written to it. It is the writer of a slog.Handler or of
// the standard logger; its zero value is empty. Any number may use it at once.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write appends p and never fails.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String is all that was written, or what was since the last Take.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Take is String, and empties the log in the same step.
func (l *Log) Take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.text.Reset()
	return l.text.String()
}
