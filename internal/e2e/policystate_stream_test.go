//go:build integration

package e2e

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// requestStream asks about new mails without a pause, at several daemons, until
// it is stopped. Each of them must pass.
type requestStream struct {
	stopped atomic.Bool
	group   sync.WaitGroup
	asked   atomic.Int64

	mu      sync.Mutex
	wrong   []string
	slowest time.Duration

	strains []*strain // of the daemons
}

// startRequests has two clients ask each daemon.
func startRequests(t *testing.T, daemons []*policyDaemon, fields ...string) *requestStream {
	t.Helper()
	s := &requestStream{}
	for _, d := range daemons {
		s.strains = append(s.strains, d.strain(t))
		for range 2 {
			s.group.Go(func() {
				for !s.stopped.Load() {
					s.one(d, fields)
					time.Sleep(2 * time.Millisecond) // the machine has other work
				}
			})
		}
	}
	return s
}

func (s *requestStream) one(d *policyDaemon, fields []string) {
	began := time.Now()
	action, err := d.client.Ask(context.Background(), policyMail(fields...))
	took := time.Since(began)
	s.asked.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slowest = max(s.slowest, took)
	if err != nil || action != "DUNNO" {
		s.wrong = append(s.wrong, fmt.Sprintf("%q after %v: %q, %v", fields, took, action, err))
	}
}

// flows waits until n more answers have come.
func (s *requestStream) flows(t *testing.T, n int64) {
	t.Helper()
	until := s.asked.Load() + n
	eventually(t, "the stream of mails flows", func() bool { return s.asked.Load() >= until })
}

// stop ends the stream; an answer that was wrong, lost or late fails the test.
func (s *requestStream) stop(t *testing.T, what string, longest time.Duration) {
	t.Helper()
	s.stopped.Store(true)
	s.group.Wait()
	t.Logf("%s: %d answers, slowest %v", what, s.asked.Load(), s.slowest.Round(time.Millisecond))
	for _, wrong := range s.wrong[:min(len(s.wrong), 10)] {
		t.Errorf("%s: %s", what, wrong)
	}
	var slack time.Duration
	for _, each := range s.strains {
		slack = max(slack, each.slack())
	}
	if s.slowest > longest+slack {
		t.Errorf("%s: a request waited %v; the strain of the machine explains %v", what, s.slowest, slack)
	}
	if s.asked.Load() == 0 {
		t.Errorf("%s: no answer at all", what)
	}
}
