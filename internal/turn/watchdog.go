package turn

import (
	"sync"
	"time"

	"postern/internal/lookup"
)

// watchdog replies for a map that does not return. Setting and stopping a timer
// costs more than a lookup in memory, so the timer runs on from one lookup to
// the next; when it fires, it looks whether there is anything to do.
type watchdog struct {
	mu    sync.Mutex
	timer *time.Timer
	armed bool // the timer is running
	state state
	q     Question
	limit time.Duration // from the start of q to the last word
}

type state int

const (
	asleep  state = iota // there is no lookup
	waiting              // for the map
	spoken               // the reply is out: the map keeps silent
)

// grace is the time that a map has to return once its context has ended.
func grace(timeout time.Duration) time.Duration {
	return min(timeout/4, time.Second)
}

// watch sets a watchdog on q.
func (g *Guard) watch(q *Question) *watchdog {
	dog, ok := g.watchdogs.Get().(*watchdog)
	if !ok {
		dog = &watchdog{}
	}
	dog.mu.Lock()
	defer dog.mu.Unlock()
	dog.q, dog.state, dog.limit = *q, waiting, q.Timeout+grace(q.Timeout)
	switch {
	case dog.timer == nil:
		dog.timer = time.AfterFunc(dog.limit, dog.bark)
	case !dog.armed:
		dog.timer.Reset(dog.limit)
	}
	dog.armed = true
	return dog
}

// release ends the watch and reports whether the watchdog has replied.
func (g *Guard) release(dog *watchdog) (late bool) {
	dog.mu.Lock()
	defer dog.mu.Unlock()
	if dog.state == spoken {
		return true
	}
	dog.state, dog.q = asleep, Question{}
	g.watchdogs.Put(dog)
	return false
}

// bark speaks the last word if it is time to. As long as it holds the lock and
// the state is waiting, the goroutine that serves the connection is inside the
// map or held up in release, so the writer is ours.
func (dog *watchdog) bark() {
	dog.mu.Lock()
	defer dog.mu.Unlock()
	if dog.state != waiting {
		dog.armed = false
		return
	}
	taken := time.Since(dog.q.Start)
	if taken < dog.limit {
		dog.timer.Reset(dog.limit - taken)
		return
	}
	dog.state = spoken
	dog.speak(taken)
}

func (dog *watchdog) speak(taken time.Duration) {
	q := &dog.q
	_, err := q.Writer.WriteString(q.LastWord)
	if err == nil {
		err = q.Writer.Flush()
	}
	if q.Observer != nil {
		q.Observer.ObserveLookup(q.Name, lookup.ResultTimeout, taken)
	}
	if q.Log != nil {
		q.Log.Error("a map ignores its deadline; its connection is held until it returns",
			"map", q.Name, "key", Reason(q.Key), "after", taken, "reply_error", err)
	}
}
