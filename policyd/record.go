package policyd

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// The attributes that a record has before those of its request.
const (
	attrRecorded = "recorded" // when, RFC 3339 in UTC
	attrAnswered = "answered" // the action, without the id of the decision
)

// Record is a request with its answer. Written down it is a request with two
// attributes more, so a file of records is a conversation that any policy
// server understands.
type Record struct {
	At         time.Time
	Answer     string
	Attributes []Attribute
}

// String is the record as it is written, blank line included.
func (r Record) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s=%s\n%s=%s\n", attrRecorded, r.At.UTC().Format(time.RFC3339Nano), attrAnswered, r.Answer)
	for _, a := range r.Attributes {
		b.WriteString(a.Name + "=" + a.Value + "\n")
	}
	b.WriteByte('\n')
	return b.String()
}

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
	dropped int
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
func (r *Recorder) Tap(q *Request, d *Decision) {
	if !r.heard() {
		return
	}
	text := Record{At: time.Now(), Answer: d.Action.String(), Attributes: q.Attributes}.String()
	r.mu.Lock()
	defer r.mu.Unlock()
	for l := range r.listeners {
		select {
		case l.in <- text:
		default:
			l.dropped++
		}
	}
}

func (r *Recorder) heard() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.listeners) > 0
}
