package turn

import (
	"sync"
	"time"
)

// watchdog replies for a map that does not return.
type watchdog struct {
	timer *time.Timer

	mu    sync.Mutex
	q     Question
	start time.Time
	state state
}

type state int

const (
	waiting  state = iota // for the map
	answered              // by the map: the watchdog keeps silent
	spoken                // by the watchdog: the map keeps silent
)

// grace is the time that a map has to return once its context has ended.
func grace(timeout time.Duration) time.Duration {
	return min(timeout/4, time.Second)
}

// watch sets a watchdog on q.
func (g *Guard) watch(q *Question, start time.Time) *watchdog {
	dog, reused := g.watchdogs.Get().(*watchdog)
	if !reused {
		dog = &watchdog{}
	}
	dog.q, dog.start, dog.state = *q, start, waiting
	limit := q.Timeout + grace(q.Timeout)
	if reused {
		dog.timer.Reset(limit)
	} else {
		dog.timer = time.AfterFunc(limit, dog.bark)
	}
	return dog
}

// release ends the watch and reports whether the watchdog has replied. A
// watchdog whose timer has fired is not used again: bark may be under way.
func (g *Guard) release(dog *watchdog) (late bool) {
	if dog.timer.Stop() {
		dog.q = Question{}
		g.watchdogs.Put(dog)
		return false
	}
	dog.mu.Lock()
	defer dog.mu.Unlock()
	if dog.state == waiting {
		dog.state = answered
	}
	return dog.state == spoken
}

// bark speaks the last word. Until release returns, the goroutine that serves
// the connection is inside the map, so the writer is ours.
func (dog *watchdog) bark() {
	dog.mu.Lock()
	defer dog.mu.Unlock()
	if dog.state != waiting {
		return
	}
	dog.state = spoken
	q := &dog.q
	_, err := q.Writer.WriteString(q.LastWord)
	if err == nil {
		err = q.Writer.Flush()
	}
	taken := time.Since(dog.start)
	if q.Observer != nil {
		q.Observer.ObserveLookup(q.Name, "timeout", taken)
	}
	if q.Log != nil {
		q.Log.Error("a map ignores its deadline; its connection is held until it returns",
			"map", q.Name, "key", Reason(q.Key), "after", taken, "reply_error", err)
	}
}
