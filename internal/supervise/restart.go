package supervise

import (
	"context"
	"time"
)

const (
	firstPause   = 100 * time.Millisecond
	longestPause = 30 * time.Second
)

// nextPause is the wait before the next start, after a worker that lived for
// so long: a failure that is over must not slow the next one down.
func nextPause(last, lived time.Duration) time.Duration {
	if last == 0 || lived >= longestPause {
		return firstPause
	}
	return min(2*last, longestPause)
}

// keep starts another worker when one dies, until ctx ends.
func (p *Parent) keep(ctx context.Context) {
	var pause time.Duration
	for {
		c := p.serving()
		select {
		case <-ctx.Done():
			return
		case <-p.replaced:
		case <-c.done:
			pause = p.revive(ctx, c, pause)
		}
	}
}

// revive starts a worker in the place of c, with the settings that are in
// force, until it or a reload succeeds or ctx ends. It returns the last pause.
func (p *Parent) revive(ctx context.Context, c *child, pause time.Duration) time.Duration {
	err := c.failure()
	for lived := time.Since(c.began); p.serving() == c; lived = 0 {
		pause = nextPause(pause, lived)
		p.Log.Error("no worker serves; clients wait while another is started", "error", err, "pause", pause)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-p.replaced:
			timer.Stop()
			return pause
		case <-ctx.Done():
			timer.Stop()
			return pause
		}
		err = p.restart(ctx, c)
	}
	return pause
}

// restart tries once to put a worker in the place of dead.
func (p *Parent) restart(ctx context.Context, dead *child) error {
	p.loading.Lock()
	defer p.loading.Unlock()
	p.mu.Lock()
	l := p.inForce
	p.mu.Unlock()
	if p.serving() != dead || ctx.Err() != nil {
		return ctx.Err()
	}
	c, err := p.start(ctx, l)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.current = c
	return nil
}
