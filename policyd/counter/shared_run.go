package counter

import (
	"context"
	"time"

	"postern/internal/redisserver"
)

const (
	beatEvery  = 5 * time.Second
	beatLife   = time.Minute // a host that was silent for that long is none
	beatLimit  = time.Second // for an answer
	probeEvery = 250 * time.Millisecond
	probeMost  = 8 * time.Second // between probes of a Redis that keeps going away
	steady     = 10 * time.Second
	leaveLimit = 500 * time.Millisecond
)

// Run says in Redis that this host is there, every 5 s, looks every 250 ms
// whether a Redis that went away is back, and adds what was charged meanwhile.
// A Redis that goes away again within seconds is looked at less and less
// often, down to every 8 s. Run returns when ctx ends, with no error.
func (s *Shared) Run(ctx context.Context) error {
	s.metrics.begin(s)
	defer s.metrics.end(s)
	r := rounds{pause: probeEvery}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			s.leave(ctx)
			return nil
		case <-timer.C:
			timer.Reset(r.next(s.round(ctx)))
		case <-s.trouble:
			if s.up.Load() {
				continue // told late, of an absence that is over
			}
			timer.Reset(r.next(false))
		}
	}
}

// rounds knows when the next round is due.
type rounds struct {
	since time.Time     // Redis is up; zero: it is away
	pause time.Duration // between probes
}

func (r *rounds) next(up bool) time.Duration {
	switch {
	case up && r.since.IsZero():
		r.since = time.Now()
		return beatEvery
	case up:
		return beatEvery
	case !r.since.IsZero() && time.Since(r.since) < steady:
		r.pause = min(2*r.pause, probeMost)
	case !r.since.IsZero():
		r.pause = probeEvery
	}
	r.since = time.Time{}
	return r.pause
}

// round reports whether Redis is there and has what was charged in memory.
func (s *Shared) round(ctx context.Context) bool {
	err := s.beat(ctx)
	if err == nil {
		err = s.comeBack(ctx)
	}
	if err != nil && ctx.Err() == nil {
		s.away(err)
	}
	return err == nil
}

func (s *Shared) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.answer)
	defer cancel()
	c, err := s.redis.beat(ctx, s.host, beatLife)
	if err != nil {
		return err
	}
	if before := s.hosts.Swap(int64(c.hosts)); before != int64(c.hosts) {
		s.log.Info("shared counters: hosts that share the limits", "hosts", c.hosts, "before", before)
	}
	s.metrics.state(s, s.up.Load(), c.hosts)
	if c.others > 0 && !s.warned {
		s.log.Warn("shared counters: other hosts in this Redis use another secret, so they count apart; give all hosts the same key file",
			"hosts", c.hosts, "others", c.others)
	}
	s.warned = c.others > 0
	return nil
}

// leave makes the others' shares larger at once.
func (s *Shared) leave(ctx context.Context) {
	if !s.up.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveLimit)
	defer cancel()
	if err := s.redis.leave(ctx, s.host); err != nil {
		s.log.Info("shared counters: this host counts for another minute", "error", redisserver.Cause(err))
	}
}

// comeBack adds what was charged in memory and then has decisions made in
// Redis. As long as nothing was charged in memory it has nothing to do.
func (s *Shared) comeBack(ctx context.Context) error {
	for s.local.Len() > mergeMost {
		if _, err := s.mergeWithin(ctx, s.answer); err != nil {
			return err
		}
	}
	if s.up.Load() && s.local.Len() == 0 {
		return nil
	}
	return s.mergeLast(ctx)
}

// mergeLast adds the rest while no decision is made in memory, and none waits
// for longer than the budget.
func (s *Shared) mergeLast(ctx context.Context) error {
	s.mode.Lock()
	defer s.mode.Unlock()
	ctx, cancel := context.WithTimeout(ctx, s.budget)
	defer cancel()
	for {
		n, err := s.mergeBatch(ctx)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
	}
	s.merge.settled = nil
	if s.up.CompareAndSwap(false, true) {
		s.metrics.state(s, true, s.Hosts())
		s.log.Info("shared counters: Redis is back", "hosts", s.Hosts())
	}
	return nil
}
