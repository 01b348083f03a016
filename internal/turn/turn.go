// Package turn asks a map on behalf of a peer that waits for exactly one reply.
//
// A lookup protocol reads a request, asks a [lookup.Map], writes a reply. What
// may go wrong between request and reply is the same for every protocol and is
// dealt with here, once.
//
// # A map that panics
//
// The panic becomes a temporary error and a line in the log with its stack.
// The connection lives on: for tcp_table(5) a broken one costs Postfix a
// second per attempt.
//
// # A map that is slow
//
// The context of the lookup ends after Question.Timeout. A map that minds its
// context then returns an error, and the protocol answers with it.
//
// # A map that does not mind its context
//
// A watchdog speaks the last word for it, a grace later (a quarter of the
// timeout, one second at most): it writes Question.LastWord, a complete reply,
// and flushes. When the map returns at last, Lookup gives [ErrLate]: the reply
// is out, whatever the map said comes too late, and the connection must end.
// So there is one reply, in time. The goroutine and the connection remain with
// the map until it returns. That is on purpose: a limit on connections then
// also limits what a stuck map can hold, where a goroutine left behind for
// every question would pile up without bound.
//
// # Cost
//
// No goroutine and no timer is started for a lookup. With a timeout it costs
// one allocation, the context; without, nothing.
package turn

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"postern/internal/lookup"
)

// ErrLate says that the watchdog has replied already. The connection must be
// closed without a further reply.
var ErrLate = errors.New("map ignored its deadline: the peer was told so")

// Observer counts lookups. Guard calls it for those that it replies to itself;
// its caller counts all others.
type Observer interface {
	ObserveLookup(mapName, result string, d time.Duration)
}

// Question is one lookup and whom to answer.
type Question struct {
	Map      lookup.Map
	Name     string        // of the map, for the log and the observer
	Key      string        //
	Start    time.Time     // now
	Timeout  time.Duration // of the lookup; 0 is none
	Writer   *bufio.Writer // where the peer reads
	LastWord string        // the framed reply of the watchdog
	Observer Observer      // may be nil
	Log      *slog.Logger  // may be nil
}

// Guard asks maps. The zero value is ready; it must not be copied after use.
type Guard struct {
	watchdogs sync.Pool
}

// Lookup asks q.Map for q.Key. It gives what the map says, a temporary error
// for a map that panics, or ErrLate.
func (g *Guard) Lookup(ctx context.Context, q *Question) (value string, found bool, err error) {
	if q.Timeout <= 0 {
		return ask(ctx, q)
	}
	limited := newDeadline(ctx, q.Start.Add(q.Timeout))
	dog := g.watch(q)
	value, found, err = ask(limited, q)
	late := g.release(dog)
	limited.end()
	if late {
		return "", false, fmt.Errorf("map %.200q: %w", q.Name, ErrLate)
	}
	return value, found, err
}

// ask is the lookup, with a panic turned into an error.
func ask(ctx context.Context, q *Question) (value string, found bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			value, found, err = "", false, panicked(q, p)
		}
	}()
	return q.Map.Lookup(ctx, q.Key)
}

func panicked(q *Question, p any) error {
	if q.Log != nil {
		q.Log.Error("a map panicked; the peer is told a temporary error",
			"map", q.Name, "key", Reason(q.Key), "panic", Reason(fmt.Sprint(p)), "stack", string(debug.Stack()))
	}
	return fmt.Errorf("map %.200q: internal error, see the log", q.Name)
}
