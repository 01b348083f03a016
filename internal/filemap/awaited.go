package filemap

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Awaited is a map whose file could not be read when it was opened. Until it
// can be, every lookup fails; it is tried at most once per Options.Check.
type Awaited struct {
	path    string
	options Options
	opened  atomic.Pointer[Map]

	turn sync.Mutex // held by the one that tries
	due  time.Time

	mu  sync.Mutex
	err error
}

// Await returns a map for a file that [Open] failed to read, with its error.
func Await(path string, o Options, err error) *Awaited {
	o.Check = cmp.Or(o.Check, defaultCheck)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Awaited{path: path, options: o, due: o.Now().Add(o.Check), err: err}
}

// Lookup asks the file, or says why it cannot be asked.
func (a *Awaited) Lookup(ctx context.Context, key string) (string, bool, error) {
	m := a.opened.Load()
	if m == nil {
		m = a.try()
	}
	if m == nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		return "", false, a.err
	}
	return m.Lookup(ctx, key)
}

// try opens the file if it is time to and nobody else does; nil: it cannot be
// read.
func (a *Awaited) try() *Map {
	if !a.turn.TryLock() {
		return a.opened.Load()
	}
	defer a.turn.Unlock()
	if m := a.opened.Load(); m != nil || a.options.Now().Before(a.due) {
		return m
	}
	m, err := Open(a.path, a.options)
	a.due = a.options.Now().Add(a.options.Check)
	if err != nil {
		a.mu.Lock()
		a.err = err
		a.mu.Unlock()
		return nil
	}
	a.options.Log.Info("file map: opened at last", "file", a.path, "entries", m.Len())
	a.opened.Store(m)
	return m
}
