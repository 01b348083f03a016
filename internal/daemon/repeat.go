package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// repeatBurst is how many lines of one trouble are written before they are
	// counted.
	repeatBurst = 10

	// repeatEvery is how often a trouble that goes on is told, with the count.
	repeatEvery = time.Minute

	// repeatKinds bounds what is counted apart; more are counted by message.
	repeatKinds = 500
)

// repeatHandler keeps trouble that repeats, such as a dead database under load,
// from flooding the log. Of one kind of line at level warn or error ten are
// written, and while it goes on one a minute: the latest, with the number of
// those left out in not_shown. A minute without it, and it is new again. Lines
// below warn, and those with an id, each of which tells of one decision, are all
// written.
type repeatHandler struct {
	slog.Handler
	seen  *repeats
	scope string // the attributes of the logger by which trouble is one of a kind
	all   bool   // nothing is left out
}

func newRepeatHandler(h slog.Handler) repeatHandler {
	return repeatHandler{Handler: h, seen: &repeats{kinds: map[string]*repeated{}}}
}

// repeats are the kinds of trouble of the last minute.
type repeats struct {
	mu    sync.Mutex
	kinds map[string]*repeated
}

// repeated is one kind of trouble.
type repeated struct {
	told    int // lines in this minute
	left    int // those left out
	latest  slog.Record
	handler slog.Handler
}

// Handle writes the line, or counts it.
func (h repeatHandler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelWarn || h.all {
		return h.Handler.Handle(ctx, r)
	}
	scope, all := h.scope, false
	r.Attrs(func(a slog.Attr) bool {
		scope, all = inScope(scope, a), all || a.Key == "id"
		return !all
	})
	if !all && h.seen.leaveOut(fmt.Sprint(r.Level, " ", r.Message), scope, h.Handler, r) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs notes by what trouble is told apart.
func (h repeatHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	out := h
	out.Handler = h.Handler.WithAttrs(attrs)
	for _, a := range attrs {
		out.scope, out.all = inScope(out.scope, a), out.all || a.Key == "id"
	}
	return out
}

// WithGroup keeps the counts.
func (h repeatHandler) WithGroup(name string) slog.Handler {
	h.Handler = h.Handler.WithGroup(name)
	return h
}

// inScope adds an attribute by which two lines are trouble of two things. All of
// them have values of the configuration, not of a peer.
func inScope(scope string, a slog.Attr) string {
	if slices.Contains([]string{"daemon", "listener", "map", "table", "file", "store", "rule", "check", "target", "path", "name", "variable", "directory", "end"}, a.Key) {
		return scope + " " + a.Key + "=" + strings.Clone(a.Value.String())
	}
	return scope
}

// leaveOut reports whether a line is to be left out, and keeps it for later.
func (s *repeats) leaveOut(kind, scope string, h slog.Handler, r slog.Record) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.kinds[kind+scope]; known || len(s.kinds) < repeatKinds {
		kind += scope
	}
	k := s.kinds[kind]
	if k == nil {
		k = &repeated{}
		s.kinds[kind] = k
		time.AfterFunc(repeatEvery, func() { s.minute(kind) })
	}
	if k.told < repeatBurst {
		k.told++
		return false
	}
	k.left++
	k.latest, k.handler = r.Clone(), h
	return true
}

// minute tells of a kind what was left out. A kind that had nothing left out is
// forgotten; one that had is at its burst's end still.
func (s *repeats) minute(kind string) {
	s.mu.Lock()
	k := s.kinds[kind]
	left, latest, handler := k.left, k.latest, k.handler
	if left == 0 {
		delete(s.kinds, kind)
		s.mu.Unlock()
		return
	}
	k.told, k.left = repeatBurst, 0
	time.AfterFunc(repeatEvery, func() { s.minute(kind) })
	s.mu.Unlock()
	latest.Time = time.Now()
	latest.AddAttrs(slog.Int("not_shown", left-1))
	_ = handler.Handle(context.Background(), latest) // whoever can no longer log cannot be told
}
