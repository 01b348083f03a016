package counter

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"postern/internal/redisserver"
)

// Shared is a Store in Redis that goes on in memory while Redis is away.
//
// # While Redis is away
//
// A decision that gets no answer from Redis within Budget is made in memory,
// and from then on none waits for Redis, until Run has found that it is back.
// In memory each host has its share of every limit: N ÷ the hosts that were
// seen in the last minute, at least 1. When Redis is back, what was charged in
// memory and has not drained since is added to the counters in Redis, once,
// and then decisions are made there again.
//
// The counters in memory are empty when Redis goes away. So what is let
// through beyond a limit is at most the share of each host, once in each
// absence, and what drains of it meanwhile; no more than N altogether. A host
// that has not reached Redis since it was started takes itself for the only
// one. A message of which one part was charged in Redis and another in memory
// may pay twice, as may one whose reply from Redis was lost. A cost above the
// share that is not above N waits for Redis: it is refused with a Retry, not
// for ever.
//
// # Coming back
//
// What was charged in memory is added in batches that have a name each. When
// the reply to one is lost, the same batch is sent again, and Redis adds it
// if it did not; meanwhile memory goes on counting it. Decisions wait for the
// last batch of up to 1000 counters, for at most Budget, so that none falls
// between. When there are more, the others are added before, while decisions
// are made in memory, and each of those has its share a second time for the
// moment that takes.
type Shared struct {
	redis   *Redis
	local   *Memory
	budget  time.Duration
	answer  time.Duration // of Redis to Run
	host    string
	log     *slog.Logger
	metrics *SharedMetrics

	hosts   atomic.Int64
	up      atomic.Bool
	mode    sync.RWMutex  // held for reading while a decision is made in memory
	trouble chan struct{} // tells Run that Redis went away
	scratch sync.Pool     // of *shareCall
	merge   merge         // Run's
	warned  bool          // Run's: of another secret
}

// SharedOptions are the options of Shared.
type SharedOptions struct {
	Redis  *Redis
	Local  *Memory       // empty, and used by nobody else; nil: a new one
	Budget time.Duration // for a decision of Redis; 0: 20 ms
	Host   string        // name of this host in Redis, for those who look there
	Log    *slog.Logger  // nil: silence

	Metrics *SharedMetrics // nil: not counted
}

// DefaultBudget is how long a decision waits for Redis.
const DefaultBudget = 20 * time.Millisecond

// NewShared makes the store. It connects nothing: [Shared.Run] keeps it going
// and must run while it is used.
func NewShared(o SharedOptions) (*Shared, error) {
	if o.Redis == nil {
		return nil, errors.New("shared counters: no Redis is given")
	}
	if o.Local == nil {
		o.Local = NewMemory(MemoryOptions{})
	}
	if o.Budget <= 0 {
		o.Budget = DefaultBudget
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Shared{
		redis: o.Redis, local: o.Local, budget: o.Budget, answer: beatLimit, log: o.Log, metrics: o.Metrics,
		host: o.Host + "#" + rand.Text()[:10], trouble: make(chan struct{}, 1),
	}
	s.scratch.New = func() any { return new(shareCall) }
	s.hosts.Store(1)
	s.up.Store(true)
	s.metrics.state(s, true, 1)
	return s, nil
}

// Charge implements Store. An error is a debit that makes no sense, or the end
// of ctx: trouble of Redis is none.
func (s *Shared) Charge(ctx context.Context, debits []Debit, outcomes []Outcome, peek bool) error {
	if decided, err := s.inRedis(ctx, debits, outcomes, peek); decided {
		return err
	}
	s.mode.RLock()
	defer s.mode.RUnlock()
	if decided, err := s.inRedis(ctx, debits, outcomes, peek); decided { // it came back while we waited
		return err
	}
	s.metrics.local()
	return s.chargeShare(ctx, debits, outcomes, peek)
}

// inRedis decides if Redis is there.
func (s *Shared) inRedis(ctx context.Context, debits []Debit, outcomes []Outcome, peek bool) (decided bool, err error) {
	if !s.up.Load() {
		return false, nil
	}
	err = s.ask(ctx, debits, outcomes, peek)
	trouble, isTrouble := errors.AsType[*RedisError](err)
	if !isTrouble {
		return true, err
	}
	if err := ctx.Err(); err != nil {
		return true, fmt.Errorf("shared counters: %w", err)
	}
	s.away(trouble)
	return false, nil
}

func (s *Shared) ask(ctx context.Context, debits []Debit, outcomes []Outcome, peek bool) error {
	ctx, cancel := context.WithTimeout(ctx, s.budget)
	defer cancel()
	return s.redis.Charge(ctx, debits, outcomes, peek)
}

// Up reports whether decisions are made in Redis.
func (s *Shared) Up() bool { return s.up.Load() }

// Hosts is how many share the counters, as far as is known; at least 1.
func (s *Shared) Hosts() int { return int(s.hosts.Load()) }

// away is told by everybody who had trouble, and tells it once.
func (s *Shared) away(err error) {
	if !s.up.CompareAndSwap(true, false) {
		return
	}
	hosts := s.Hosts()
	s.metrics.state(s, false, hosts)
	s.log.Warn("shared counters: Redis is away, each host goes on with its share of every limit",
		"error", redisserver.Cause(err), "hosts", hosts)
	select {
	case s.trouble <- struct{}{}:
	default:
	}
}

// shareCall is the debits of a call with windows of this host's share.
type shareCall struct {
	debits  []Debit
	windows []Window
}

// chargeShare decides in memory.
func (s *Shared) chargeShare(ctx context.Context, debits []Debit, outcomes []Outcome, peek bool) error {
	c := s.scratch.Get().(*shareCall)
	defer s.scratch.Put(c)
	c.scale(debits, s.hosts.Load())
	defer clear(c.debits)
	if err := s.local.Charge(ctx, c.debits, outcomes, peek); err != nil {
		return err
	}
	for i := range debits {
		relent(&outcomes[i], debits[i].Windows)
	}
	return nil
}

// scale has room for all windows before any is pointed to.
func (c *shareCall) scale(debits []Debit, hosts int64) {
	c.debits, c.windows = append(c.debits[:0], debits...), c.windows[:0]
	for _, d := range debits {
		for _, w := range d.Windows {
			c.windows = append(c.windows, Window{N: share(w.N, hosts), Per: w.Per})
		}
	}
	rest := c.windows
	for i := range c.debits {
		n := len(c.debits[i].Windows)
		c.debits[i].Windows, rest = rest[:n:n], rest[n:]
	}
}

// share is one host's part of n; 0 stays 0.
func share(n, hosts int64) int64 { return max(n/hosts, min(n, 1)) }

// untilBack is a guess, for what fits in no share.
const untilBack = time.Minute

// relent makes what never fits in a share wait for Redis, if it fits in the limit.
func relent(o *Outcome, windows []Window) {
	if !o.Never {
		return
	}
	least := int64(math.MaxInt64)
	for _, w := range windows {
		least = min(least, w.N)
	}
	if o.Cost <= least {
		o.Never, o.Retry = false, untilBack
	}
}
