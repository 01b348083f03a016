package top

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"postern/internal/status"
)

// Source knows the daemons of a host.
type Source interface {
	// Daemons names those that can be asked now.
	Daemons() []string
	// Ask asks one until ctx ends.
	Ask(ctx context.Context, daemon string) (status.Snapshot, error)
}

// Top asks the daemons of a source and shows what they answer.
type Top struct {
	Source   Source
	Interval time.Duration // between two questions to a daemon
	Timeout  time.Duration // of one question
	Now      func() time.Time
	ASCII    bool // the locale is not UTF-8
}

// Ask asks all daemons once, at the same time.
func (t Top) Ask(ctx context.Context) []Answer {
	names := t.Source.Daemons()
	answers := make([]Answer, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() { answers[i] = t.ask(ctx, name) })
	}
	all.Wait()
	return answers
}

// ask asks one daemon. It returns, whatever happens.
func (t Top) ask(ctx context.Context, name string) (a Answer) {
	defer func() {
		if p := recover(); p != nil {
			a = Answer{Daemon: name, At: t.Now(), Err: fmt.Errorf("its answer cannot be read: %v", p)}
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	s, err := t.Source.Ask(ctx, name)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("no answer within %v", t.Timeout)
	}
	return Answer{Daemon: name, At: t.Now(), Snapshot: s, Err: err}
}

// poller asks in rounds and hands over what comes, one daemon at a time. It is
// for one goroutine.
type poller struct {
	Top
	answers chan Answer
	asking  map[string]bool
	all     sync.WaitGroup
}

// round asks the daemons that there are and those that were known before,
// without those that still owe an answer.
func (p *poller) round(ctx context.Context, known []string) {
	names := append(p.Source.Daemons(), known...)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if p.asking[name] {
			continue
		}
		p.asking[name] = true
		p.all.Go(func() {
			select {
			case p.answers <- p.ask(ctx, name):
			case <-ctx.Done():
			}
		})
	}
}
