package logtest

import (
	"strings"
	"sync"
	"testing"
)

// TestTakeWhileWritten: every line is taken once.
func TestTakeWhileWritten(t *testing.T) {
	var log Log
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			for range 100 {
				log.Write([]byte("line\n"))
			}
		})
	}
	taken := ""
	for range 50 {
		taken += log.Take()
	}
	writers.Wait()
	rest := log.String()
	if taken += log.Take(); !strings.HasSuffix(taken, rest) || taken != strings.Repeat("line\n", 800) {
		t.Errorf("%d lines, want 800", strings.Count(taken, "\n"))
	}
	if log.String() != "" {
		t.Errorf("left: %q", log.String())
	}
}
