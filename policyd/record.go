package policyd

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The attributes that a record has before those of its request.
const (
	attrRecorded = "recorded" // when, RFC 3339 in UTC
	attrAnswered = "answered" // the action, without the id of the decision
	attrListener = "listener" // by which it came, as configured
	attrLeftOut  = "left_out" // how many requests before this one are missing
)

// Record is a request with its answer. Written down it is a request with some
// attributes more, so a file of records is a conversation that any policy
// server understands.
type Record struct {
	At         time.Time
	Answer     string
	Listener   string // as Request.Listener; perhaps empty
	LeftOut    int    // requests before this one that who listened was too slow for
	Attributes []Attribute
}

// String is the record as it is written, blank line included.
func (r Record) String() string {
	var b strings.Builder
	if r.LeftOut > 0 {
		fmt.Fprintf(&b, "%s=%d\n", attrLeftOut, r.LeftOut)
	}
	fmt.Fprintf(&b, "%s=%s\n%s=%s\n", attrRecorded, r.At.UTC().Format(time.RFC3339Nano), attrAnswered, r.Answer)
	if r.Listener != "" {
		fmt.Fprintf(&b, "%s=%s\n", attrListener, r.Listener)
	}
	for _, a := range r.Attributes {
		b.Write(appendAttribute(nil, a))
	}
	b.WriteByte('\n')
	return b.String()
}

// Text is the request of the record, as on the wire.
func (r Record) Text() string { return string(appendRequest(nil, r.Attributes)) }

// Records reads what was recorded, one after the other; io.EOF after the last.
type Records struct {
	r      *bufio.Reader
	limits Limits
}

// NewRecords reads records from r.
func NewRecords(r io.Reader) *Records { return &Records{r: bufio.NewReader(r)} }

// Next is the next record.
func (rs *Records) Next() (Record, error) {
	q := new(Request)
	if err := q.read(rs.r, rs.limits); err != nil {
		return Record{}, err
	}
	var rec Record
	for _, a := range q.Attributes {
		switch a.Name {
		case attrListener:
			rec.Listener = a.Value
		case attrLeftOut:
			n, err := strconv.Atoi(a.Value)
			if err != nil || n < 0 {
				return Record{}, fmt.Errorf("record: %s=%.60q is no number", attrLeftOut, a.Value)
			}
			rec.LeftOut = n
		case attrRecorded:
			at, err := time.Parse(time.RFC3339Nano, a.Value)
			if err != nil {
				return Record{}, fmt.Errorf("record: %s=%.60q is no time: it is written as 2026-11-21T14:00:00Z", attrRecorded, a.Value)
			}
			rec.At = at
		case attrAnswered:
			rec.Answer = a.Value
		default:
			rec.Attributes = append(rec.Attributes, a)
		}
	}
	if rec.At.IsZero() || rec.Answer == "" {
		return Record{}, errors.New("record: no recorded= and answered=: `postern policy record` writes them")
	}
	return rec, nil
}

// Recorder is a Tap that hands what passes to who listens. Without a listener
// it costs one look at a lock.
type Recorder struct {
	mu        sync.RWMutex
	listeners map[*Listening]struct{}
}

// Listening is one who listens. It must read C; what it does not take in time
// is dropped and counted.
type Listening struct {
	C       <-chan string // records as they are written
	in      chan string
	dropped int // in all
	missed  int // since the last that was taken
}

// take hands it a record, or counts it.
func (l *Listening) take(text string) {
	if l.missed > 0 {
		text = fmt.Sprintf("%s=%d\n%s", attrLeftOut, l.missed, text)
	}
	select {
	case l.in <- text:
		l.missed = 0
	default:
		l.dropped++
		l.missed++
	}
}

// listenBuffer is how many records may wait for a slow listener: about a megabyte.
const listenBuffer = 1000

// Listen begins to listen; stop ends it and closes C. It returns how many
// records were dropped.
func (r *Recorder) Listen() (l *Listening, stop func() (dropped int)) {
	in := make(chan string, listenBuffer)
	l = &Listening{C: in, in: in}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.listeners == nil {
		r.listeners = map[*Listening]struct{}{}
	}
	r.listeners[l] = struct{}{}
	return l, sync.OnceValue(func() int {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.listeners, l)
		close(in)
		return l.dropped
	})
}

// Tap implements Tap.
func (r *Recorder) Tap(q *Request, d Decision) {
	if !r.heard() {
		return
	}
	text := Record{At: time.Now(), Answer: d.Action.String(), Listener: q.Listener, Attributes: q.Attributes}.String()
	r.mu.Lock()
	defer r.mu.Unlock()
	for l := range r.listeners {
		l.take(text)
	}
}

func (r *Recorder) heard() bool { return r.Listeners() > 0 }

// Listeners is how many listen now.
func (r *Recorder) Listeners() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.listeners)
}
