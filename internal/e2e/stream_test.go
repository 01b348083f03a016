//go:build integration

package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// question is a lookup and the answers that are right. One without a blank
// stands for every reply with this status.
type question struct {
	name, key string
	right     []string
}

func (q question) accepts(reply string) bool {
	return slices.ContainsFunc(q.right, func(right string) bool {
		return right == reply || !strings.Contains(right, " ") && right == status(reply)
	})
}

// stream asks without a pause until it is stopped, over several connections
// that last.
type stream struct {
	stopped atomic.Bool
	group   sync.WaitGroup

	mu       sync.Mutex
	statuses map[string]int
	wrong    []string
	slowest  time.Duration
}

// startStream asks what next says, by the number of the question.
func startStream(askers []*asker, next func(i int) question) *stream {
	s := &stream{statuses: map[string]int{}}
	var number atomic.Int64
	for _, a := range askers {
		s.group.Go(func() {
			defer a.close()
			for !s.stopped.Load() {
				s.one(a, next(int(number.Add(1))))
				time.Sleep(time.Millisecond) // the machine has other work
			}
		})
	}
	return s
}

func (s *stream) one(a *asker, q question) {
	began := time.Now()
	reply, err := a.ask(q.name, q.key)
	took := time.Since(began)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slowest = max(s.slowest, took)
	if err != nil {
		s.statuses["lost"]++
		s.wrong = append(s.wrong, fmt.Sprintf("%s %q: lost after %v: %v", q.name, q.key, took, err))
		return
	}
	s.statuses[status(reply)]++
	if !q.accepts(reply) {
		s.wrong = append(s.wrong, fmt.Sprintf("%s %q: %.200q after %v, right is %q", q.name, q.key, reply, took, q.right))
	}
}

// stop ends the stream and fails the test for every wrong or lost answer.
func (s *stream) stop(t *testing.T, what string) {
	t.Helper()
	s.stopped.Store(true)
	s.group.Wait()
	t.Logf("%s: %s, slowest %v", what, counts(s.statuses), s.slowest.Round(time.Millisecond))
	for _, wrong := range s.wrong[:min(len(s.wrong), 10)] {
		t.Errorf("%s: %s", what, wrong)
	}
	if len(s.wrong) > 10 {
		t.Errorf("%s: %d wrong answers in all", what, len(s.wrong))
	}
	if s.statuses["OK"]+s.statuses["NOTFOUND"] == 0 {
		t.Errorf("%s: no answer at all", what)
	}
}

// asked is how many answers came so far.
func (s *stream) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := 0
	for n := range maps.Values(s.statuses) {
		sum += n
	}
	return sum
}

// flows waits until n more answers have come.
func (s *stream) flows(t *testing.T, n int) {
	t.Helper()
	until := s.asked() + n
	eventually(t, "the stream of questions flows", func() bool { return s.asked() >= until })
}

func counts(m map[string]int) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%d %s", m[key], key))
	}
	return strings.Join(parts, ", ")
}

// askers are n, over TCP and the unix socket by turns; half of them make a
// connection per question.
func (d *daemon) askers(n int) []*asker {
	list := make([]*asker, n)
	for i := range list {
		if list[i] = d.asker(); i%2 == 1 {
			list[i] = d.unixAsker()
		}
		list[i].brief = i%4 > 1
	}
	return list
}
