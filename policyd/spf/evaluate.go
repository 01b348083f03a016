package spf

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"time"

	library "blitiri.com.ar/go/spf"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"
)

// keepTrouble is how long a temperror is kept: for the other recipients of the
// message, and not for the client's next try.
const keepTrouble = 10 * time.Second

// errClosed: the check was asked after its end.
var errClosed = errors.New("spf: closed")

// outcome is the end of an evaluation.
type outcome struct {
	result Result
	why    string // for everybody: in replies and headers
	cause  string // for the log
}

// kept is an outcome in memory.
type kept struct {
	outcome
	at time.Time
}

// evaluator asks the DNS, once for all who ask the same meanwhile.
type evaluator struct {
	dns     resolver
	timeout time.Duration
	keep    time.Duration
	now     func() time.Time
	metrics *Metrics
	log     *slog.Logger

	cache   *lru.Cache[[sha256.Size]byte, kept]
	flights singleflight.Group
	slots   chan struct{} // taken by running evaluations
	life    context.Context
	end     context.CancelFunc
}

func newEvaluator(o Options) (*evaluator, error) {
	cache, err := lru.New[[sha256.Size]byte, kept](o.Cache)
	if err != nil {
		return nil, fmt.Errorf("spf: cache: %w", err)
	}
	e := &evaluator{
		dns: resolver{o.Resolver}, timeout: o.Timeout, keep: o.Keep, now: o.Now, metrics: o.Metrics, log: o.Log,
		cache: cache, slots: make(chan struct{}, o.Parallel),
	}
	e.life, e.end = context.WithCancel(context.Background())
	return e, nil
}

// close ends what runs, and waits for it as long as an evaluation may take.
func (e *evaluator) close() {
	e.end()
	limit := time.NewTimer(e.timeout)
	defer limit.Stop()
	for range cap(e.slots) {
		select {
		case e.slots <- struct{}{}:
		case <-limit.C:
			return
		}
	}
}

// ask is the outcome for an identity, from memory or from the DNS. An error is
// the end of ctx or of the check.
func (e *evaluator) ask(ctx context.Context, id identity) (o outcome, source string, err error) {
	key := id.key()
	if k, held := e.cache.Get(key); held && e.fresh(k) {
		return k.outcome, "memory", nil
	}
	if e.life.Err() != nil {
		return outcome{}, "", errClosed
	}
	id = id.clone() // the flight may outlive the request
	landed := e.flights.DoChan(string(key[:]), func() (any, error) {
		o := e.evaluate(id)
		if e.life.Err() != nil {
			return outcome{}, errClosed
		}
		e.cache.Add(key, kept{o, e.now()})
		return o, nil
	})
	select {
	case r := <-landed:
		return r.Val.(outcome), "DNS", r.Err
	case <-ctx.Done():
		return outcome{}, "", fmt.Errorf("spf: waiting for the DNS: %w", ctx.Err())
	}
}

// fresh reports whether an outcome may still be used. One from the future, of
// before the clock was set back, may not.
func (e *evaluator) fresh(k kept) bool {
	limit := e.keep
	if k.result == TempError {
		limit = min(limit, keepTrouble)
	}
	age := e.now().Sub(k.at)
	return 0 <= age && age < limit
}

// evaluate takes no longer than the time limit, even where the resolver does.
// An evaluation that is left running keeps its slot.
func (e *evaluator) evaluate(id identity) outcome {
	start := time.Now()
	defer func() { e.metrics.evaluated(time.Since(start)) }()
	ctx, cancel := context.WithTimeout(e.life, e.timeout)
	select {
	case e.slots <- struct{}{}:
	case <-ctx.Done():
		cancel()
		return outcome{TempError, "too many evaluations at once", "too many evaluations wait for the DNS"}
	}
	done := make(chan outcome, 1)
	go func() {
		defer func() { cancel(); <-e.slots }()
		done <- e.check(ctx, id)
	}()
	<-ctx.Done() // the time is over, or the evaluation
	select {
	case o := <-done:
		return o
	default:
		return e.late()
	}
}

// late is the outcome when the time is over.
func (e *evaluator) late() outcome {
	return outcome{TempError, "no answer from the DNS in time", fmt.Sprintf("no answer from the DNS within %v", e.timeout)}
}

// check runs the library. What it says after the end of ctx counts for nothing:
// to it a lookup of ptr that was cut short is no match, and "-all" comes next.
func (e *evaluator) check(ctx context.Context, id identity) (o outcome) {
	defer func() {
		if p := recover(); p != nil {
			o = outcome{TempError, "internal error", fmt.Sprintf("internal error: %v", p)}
			if e.log != nil {
				e.log.Error("spf: internal error", slog.Any("panic", p), slog.String("domain", id.domain), slog.String("stack", string(debug.Stack())))
			}
		}
	}()
	result, err := library.CheckHostWithSender(net.IP(id.client.AsSlice()), id.helo, id.sender(),
		library.WithContext(ctx), library.WithResolver(e.dns))
	if ctx.Err() != nil {
		return e.late()
	}
	return outcomeOf(result, err)
}

// outcomeOf words the library's error, which tells the reason of good results,
// too. Those of the DNS name our servers and are for the log.
func outcomeOf(result Result, err error) outcome {
	o := outcome{result: result}
	if err == nil {
		return o
	}
	o.why, o.cause = err.Error(), err.Error()
	if about := new(net.DNSError); errors.As(err, &about) {
		o.why = "no answer from the DNS"
	}
	return o
}
