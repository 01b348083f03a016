// Package twin asks a share of the live questions again along the old path, the
// mysql_table(5) files with Postfix's key search, and tells where the answers
// differ.
//
// # The hot path
//
// [Twin.Map] wraps a map. A question is answered first; then one draw decides
// whether it is asked again. If so it is put into a bounded queue, and if that
// is full it is dropped and counted. A question that is not drawn costs no
// allocation and no lock.
//
// # The old path
//
// Workers take questions from the queue, one at a time each, with a time limit.
// The old maps have database connections of their own, a few. After Patience
// errors in a row a map is not asked for Pause, which doubles up to ten times
// its length while the errors go on; its questions are dropped meanwhile. So
// neither a slow nor a dead database reaches those who ask.
//
// # Differences
//
// Two answers are the same if both are not found, or if they hold the same
// words, in any order and however separated. A difference may be a change that
// one side has seen and the other has not; so after Delay both are asked once
// more, and what is no difference then has moved. What is left is explained, if
// it is one that postern makes on purpose ([Explain]), and else different. Both
// kinds are kept, the latest ones, with every key form that either side tried.
//
// # Metrics
//
//	twin_questions_total{map,result}  questions that were drawn, one each:
//	    same       both sides said the same
//	    different  they did not, twice
//	    explained  they did not, on purpose
//	    moved      they did not, and then did
//	    error      one side had no answer
//	    dropped    not asked: the queue was full, or the old path is paused
//
// # Security
//
// Addresses are in what Differences returns and, escaped and bounded, in the
// log, where a difference is told once and one a second at most; never in a
// metric.
//
// # Known limits
//
// Whether a row was found by the collation alone (jose for josé) shows only
// where the key has the accent. A question that live maps answer with an error
// is not compared.
package twin

import (
	"context"
	"log/slog"
	"math"
	"strings"
	"sync"
	"time"

	"postern/internal/lookup"
)

// Options say how much is asked, and at what pace. Zero values are replaced by
// defaults, except Share.
type Options struct {
	Share    float64       // of the questions, from 0 to 1
	Draw     func() uint64 // uniform; safe for concurrent use
	Queue    int           // questions that wait; 0 means 256
	Workers  int           // 0 means 2
	Timeout  time.Duration // of one question on one side; 0 means 5 s
	Delay    time.Duration // before a difference is asked again; 0 means 3 s
	Patience int           // errors in a row; 0 means 3
	Pause    time.Duration // of a map whose old path fails; 0 means 10 s
	Operator string        // where postmaster and abuse lead without a row
	Now      func() time.Time
	Metrics  *Metrics
	Kept     *Kept // outlives this Twin
	Log      *slog.Logger
}

func (o Options) withDefaults() Options {
	o.Queue, o.Workers, o.Patience = orElse(o.Queue, 256), orElse(o.Workers, 2), orElse(o.Patience, 3)
	o.Timeout, o.Delay, o.Pause = orElse(o.Timeout, 5*time.Second), orElse(o.Delay, 3*time.Second), orElse(o.Pause, 10*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	if o.Kept == nil {
		o.Kept = NewKept(0)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func orElse[T int | time.Duration](value, otherwise T) T {
	if value > 0 {
		return value
	}
	return otherwise
}

// Twin asks again. Make one with New.
type Twin struct {
	options   Options
	threshold uint64
	queue     chan question
	suspects  chan suspect
	logged    time.Time // the last difference in the log; of recheck alone
}

// New makes a Twin. Nothing is asked before Run.
func New(o Options) *Twin {
	o = o.withDefaults()
	t := &Twin{options: o, queue: make(chan question, o.Queue), suspects: make(chan suspect, o.Queue)}
	switch {
	case o.Share >= 1:
		t.threshold = math.MaxUint64
	case o.Share > 0:
		t.threshold = uint64(o.Share * math.MaxUint64)
	}
	return t
}

// Map answers as live does, and has a share of the questions asked of old,
// too. The name is the label of the metric.
func (t *Twin) Map(name string, live, old lookup.Map) lookup.Map {
	return &both{twin: t, name: name, live: live, old: old, counts: t.options.Metrics.of(name), rest: &breaker{}}
}

// both is a map with its old path.
type both struct {
	twin      *Twin
	name      string
	live, old lookup.Map
	counts    *counts
	rest      *breaker
}

// Answer is what one side said.
type Answer struct {
	Value string
	Found bool
	Err   error
	Steps []lookup.Step // every key form that was tried; of the second asking only
}

// question is one that was drawn, with the answer that was given.
type question struct {
	of   *both
	key  string
	live Answer
}

// suspect is a difference that is to be asked again.
type suspect struct {
	question
	due time.Time
}

// Lookup implements lookup.Map. A question that is traced is one of `postern
// query --explain`, and not live.
func (b *both) Lookup(ctx context.Context, key string) (string, bool, error) {
	value, found, err := b.live.Lookup(ctx, key)
	if t := b.twin; t.threshold > 0 && t.options.Draw() <= t.threshold && lookup.Trace(ctx) == nil {
		b.offer(key, value, found, err)
	}
	return value, found, err
}

// offer puts a question into the queue, if there is room.
func (b *both) offer(key, value string, found bool, err error) {
	select {
	case b.twin.queue <- question{b, strings.Clone(key), Answer{Value: strings.Clone(value), Found: found, Err: err}}:
	default:
		b.counts.dropped.Inc()
	}
}

// Run asks until ctx ends.
func (t *Twin) Run(ctx context.Context) {
	var all sync.WaitGroup
	for range t.options.Workers {
		all.Go(func() { t.work(ctx) })
	}
	all.Go(func() { t.recheck(ctx) })
	all.Wait()
}

// work takes questions from the queue.
func (t *Twin) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case q := <-t.queue:
			t.compare(ctx, q)
		}
	}
}

// compare asks the old path once. What differs is asked again later.
func (t *Twin) compare(ctx context.Context, q question) {
	b := q.of
	if q.live.Err != nil && !lookup.IsPermanent(q.live.Err) {
		b.counts.failed.Inc()
		return
	}
	if !b.rest.allows(t.options.Now()) {
		b.counts.dropped.Inc()
		return
	}
	old := t.ask(ctx, b.old, q.key, false)
	if ctx.Err() != nil {
		return
	}
	if t.judge(b, old) != nil {
		b.counts.failed.Inc()
		return
	}
	if same(q.live, old) {
		b.counts.same.Inc()
		return
	}
	select {
	case t.suspects <- suspect{q, t.options.Now().Add(t.options.Delay)}:
	default:
		b.counts.dropped.Inc()
	}
}

// judge tells the breaker of a map how its old path did.
func (t *Twin) judge(b *both, old Answer) error {
	if b.rest.saw(old.Err, t.options.Now(), t.options.Patience, t.options.Pause) {
		t.options.Log.Warn("the old path of a map fails: it is not compared for a while", "map", b.name, "error", old.Err)
	}
	return old.Err
}

// ask asks one side within the time limit. A map that panics has an error.
func (t *Twin) ask(ctx context.Context, m lookup.Map, key string, traced bool) (a Answer) {
	ctx, cancel := context.WithTimeout(ctx, t.options.Timeout)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			a = Answer{Err: panicked{r}}
		}
	}()
	if traced {
		ctx = lookup.WithTrace(ctx, func(s lookup.Step) {
			if len(a.Steps) < maxSteps {
				a.Steps = append(a.Steps, s)
			}
		})
	}
	a.Value, a.Found, a.Err = m.Lookup(ctx, key)
	return a
}

// recheck asks both sides of each suspect once more when it is due. All wait
// equally long, so the first in the queue is the first due.
func (t *Twin) recheck(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-t.suspects:
			select {
			case <-ctx.Done():
				return
			case <-time.After(s.due.Sub(t.options.Now())):
				t.conclude(ctx, s.question)
			}
		}
	}
}

// conclude decides what a difference is.
func (t *Twin) conclude(ctx context.Context, q question) {
	b := q.of
	if !b.rest.allows(t.options.Now()) {
		b.counts.dropped.Inc()
		return
	}
	live, old := t.ask(ctx, b.live, q.key, true), t.ask(ctx, b.old, q.key, true)
	if ctx.Err() != nil {
		return
	}
	if t.judge(b, old) != nil || live.Err != nil && !lookup.IsPermanent(live.Err) {
		b.counts.failed.Inc()
		return
	}
	if same(live, old) {
		b.counts.moved.Inc()
		return
	}
	d := difference(t.options.Now(), b.name, q.key, live, old)
	if d.Because = Explain(b.name, q.key, t.options.Operator, live, old); d.Because != "" {
		b.counts.explained.Inc()
	} else {
		b.counts.different.Inc()
	}
	if t.options.Kept.add(d) && d.Because == "" && d.At.Sub(t.logged) >= logEvery {
		t.logged = d.At
		t.options.Log.Warn("the old path answers differently: postern twin tells more", "map", d.Map, "key", d.Key, "postern", d.Live.Text, "old", d.Old.Text)
	}
}

// logEvery is how often a difference is worth a line of the log: a map that is
// wrong as a whole must not fill it.
const logEvery = time.Second

// same reports whether two answers mean the same to Postfix: a list of
// addresses or logins has no order, and is separated by commas or blanks.
func same(a, b Answer) bool {
	if a.Err != nil || b.Err != nil || a.Found != b.Found {
		return false
	}
	if !a.Found || a.Value == b.Value {
		return true
	}
	x, y := words(a.Value), words(b.Value)
	return len(x) == len(y) && within(x, y) && within(y, x)
}
