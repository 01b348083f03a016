package lookup

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// errSlow: the origin may still answer, and there is something to serve.
var errSlow = errors.New("cache: the database takes its time")

// flight is one question to the origin, shared by all who ask it meanwhile.
// Its context is its own: it goes on when the first asker leaves.
type flight struct {
	started time.Duration // since the birth of the cache
	ctx     context.Context
	cancel  context.CancelFunc
	steps   *recorder // nil if nobody traced when it started

	done  chan struct{} // closed when the outcome below is final
	value string
	found bool
	err   error
}

// newFlight takes the values of ctx, not its end nor its tracer: the flight
// may outlive the asker.
func newFlight(ctx context.Context, started, limit time.Duration) *flight {
	f := &flight{
		started: started,
		done:    make(chan struct{}),
		err:     errors.New("cache: the map ended without an answer"),
	}
	var record func(Step)
	if Trace(ctx) != nil {
		f.steps = &recorder{}
		record = f.steps.record
	}
	f.ctx, f.cancel = context.WithTimeoutCause(WithTrace(context.WithoutCancel(ctx), record), limit,
		fmt.Errorf("cache: no answer within %v: %w", limit, context.DeadlineExceeded))
	return f
}

// landed is a flight that has brought a.
func landed(a answer) *flight {
	f := &flight{started: a.asked, ctx: context.Background(), done: make(chan struct{}), value: a.value, found: a.found}
	close(f.done)
	return f
}

// wait returns the flight's error when it is over, or a reason to go on
// without it: ctx ended, or patience did (forever, if negative).
func (f *flight) wait(ctx context.Context, patience time.Duration) error {
	var slow <-chan time.Time
	if patience >= 0 {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		slow = timer.C
	}
	var err error
	select {
	case <-f.done:
	case <-ctx.Done():
		err = fmt.Errorf("cache: waiting for the database: %w", ctx.Err())
	case <-slow:
		err = errSlow
	case <-f.ctx.Done(): // releases those who wait for a map that does not look at its context
		err = context.Cause(f.ctx)
	}
	select {
	case <-f.done: // if several came true, the answer counts
		return f.err
	default:
		return err
	}
}

// recorder keeps the steps of a flight for the tracers among its askers,
// which must not be called from its goroutine.
type recorder struct {
	mu    sync.Mutex
	steps []Step
}

func (r *recorder) record(s Step) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.steps = append(r.steps, s)
}

// replay tells trace what a recorder, if there is one, has got so far.
func (r *recorder) replay(trace func(Step)) int {
	if r == nil {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.steps {
		trace(s)
	}
	return len(r.steps)
}
