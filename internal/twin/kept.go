package twin

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"postern/internal/lookup"
	"postern/internal/oneline"
)

// maxSteps bounds the key forms that are kept of one side.
const maxSteps = 40

// Difference is two answers to one question. Its texts are bounded and fit for
// a line.
type Difference struct {
	At      time.Time `json:"at"`
	Map     string    `json:"map"`
	Key     string    `json:"key"`
	Because string    `json:"because,omitempty"` // "": not explained
	Live    Side      `json:"postern"`
	Old     Side      `json:"old"`
	Times   int       `json:"times"` // how often it was seen since it was kept
}

// Side is one of the answers.
type Side struct {
	Found bool   `json:"found"`
	Text  string `json:"text"` // value, or why there is none
	Tried []Try  `json:"tried"`
}

// Try is one key form.
type Try struct {
	Map   string `json:"map"`
	Key   string `json:"key"`
	Found bool   `json:"found"`
	Text  string `json:"text,omitempty"` // value, trouble or note
}

func difference(at time.Time, name, key string, live, old Answer) Difference {
	return Difference{At: at.UTC(), Map: name, Key: oneline.Log(key), Live: live.side(), Old: old.side(), Times: 1}
}

func (a Answer) side() Side {
	s := Side{Found: a.Found, Text: "not found", Tried: []Try{}}
	switch {
	case a.Err != nil:
		s.Text = oneline.Log(a.Err.Error())
	case a.Found:
		s.Text = oneline.Log(a.Value)
	}
	for _, step := range a.Steps {
		s.Tried = append(s.Tried, try(step))
	}
	return s
}

func try(s lookup.Step) Try {
	var parts []string
	for _, part := range []string{s.Value, s.Note} {
		if part != "" {
			parts = append(parts, oneline.Log(part))
		}
	}
	if s.Err != nil {
		parts = append(parts, oneline.Log(s.Err.Error()))
	}
	return Try{Map: oneline.Log(s.Map), Key: oneline.Log(s.Key), Found: s.Found, Text: strings.Join(parts, ": ")}
}

// String is a difference in one line, for tests and logs.
func (d Difference) String() string {
	return fmt.Sprintf("%s %q: postern %q, old %q: %s", d.Map, d.Key, d.Live.Text, d.Old.Text, d.Because)
}

// Kept is the latest differences: those that are explained, and the others,
// so that many of the one kind do not crowd out the other. It is safe for
// concurrent use.
type Kept struct {
	size int

	mu               sync.Mutex
	different, meant []Difference
}

// NewKept keeps that many of each kind; 0 means 200.
func NewKept(size int) *Kept { return &Kept{size: orElse(size, 200)} }

// add keeps a difference, and reports whether it is news. One that is known
// already is counted there, and is the latest again.
func (k *Kept) add(d Difference) (news bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := &k.different
	if d.Because != "" {
		list = &k.meant
	}
	at := slices.IndexFunc(*list, func(o Difference) bool { return o.Map == d.Map && o.Key == d.Key })
	if at >= 0 {
		d.Times += (*list)[at].Times
		*list = slices.Delete(*list, at, at+1)
	}
	if len(*list) >= k.size {
		*list = slices.Delete(*list, 0, 1)
	}
	*list = append(*list, d)
	return at < 0
}

// Differences are all that are kept: first those without an explanation, each
// kind from the oldest to the latest.
func (k *Kept) Differences() []Difference {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append(append([]Difference{}, k.different...), k.meant...)
}
