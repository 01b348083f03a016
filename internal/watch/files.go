package watch

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

const (
	defaultQuiet  = 200 * time.Millisecond
	defaultAtMost = 2 * time.Second
	defaultPoll   = 5 * time.Second

	// inAnyCase is the pause between two looks where everything is watched.
	inAnyCase = 30 * time.Second
)

// Files are files whose content is watched. The fields are set before the
// first use and not changed after.
type Files struct {
	// Changed is called after the content of one or more files has changed, by
	// Run, which goes on when it returns. It may call Set.
	Changed func()

	Log *slog.Logger // silent if nil

	Quiet  time.Duration // without an event, before the files are read; 200 ms
	AtMost time.Duration // from the first event to that; 2 s
	Poll   time.Duration // between two looks at what cannot be watched; 5 s

	mu    sync.Mutex
	known map[string]sum // by path
	reset chan struct{}  // made by the first Set or Run: the paths are others

	missing map[string]string  // complaint by path, of Run
	looked  func(changed bool) // for tests
}

// Set watches these files and no others, and takes their present content for
// known. It may be called at any time, also before Run.
func (f *Files) Set(paths []string) {
	known := make(map[string]sum, len(paths))
	for _, path := range paths {
		if abs, err := filepath.Abs(path); err == nil {
			path = abs
		}
		known[path], _ = sumOf(path)
	}
	f.mu.Lock()
	f.known = known
	f.mu.Unlock()
	select {
	case f.resets() <- struct{}{}:
	default:
	}
}

func (f *Files) resets() chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.reset == nil {
		f.reset = make(chan struct{}, 1)
	}
	return f.reset
}

// Run watches until ctx ends.
func (f *Files) Run(ctx context.Context) {
	f.Log = cmp.Or(f.Log, slog.New(slog.DiscardHandler))
	f.missing = map[string]string{}
	rest := newRest(cmp.Or(f.Quiet, defaultQuiet), cmp.Or(f.AtMost, defaultAtMost))
	defer rest.timer.Stop()
	trails := newTrails(f.Log)
	defer trails.close()
	for ctx.Err() == nil {
		// First the watches, then the contents: what changes after that is an
		// event.
		pause := inAnyCase
		if !trails.follow(f.paths()) {
			pause = cmp.Or(f.Poll, defaultPoll)
		}
		f.look()
		f.wait(ctx, trails, rest, pause)
	}
}

// wait returns when it is time for a look.
func (f *Files) wait(ctx context.Context, t *trails, rest *rest, pause time.Duration) {
	poll := time.NewTimer(pause)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.resets():
			return
		case <-poll.C:
			if rest.first.IsZero() { // else a look is due soon, when the names are at rest
				return
			}
		case <-rest.timer.C:
			rest.over()
			return
		case name := <-t.events:
			if t.concerns(name) {
				rest.disturb(time.Now())
			}
		}
	}
}

// paths are the files to watch.
func (f *Files) paths() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.known))
}

// look reads all files and calls Changed if one has new content.
func (f *Files) look() {
	changed := false
	for _, path := range f.paths() {
		now, err := sumOf(path)
		f.complain(path, err)
		if err == nil && f.learn(path, now) {
			f.Log.Info("file has new content", "file", path)
			changed = true
		}
	}
	if changed {
		f.Changed()
	}
	if f.looked != nil {
		f.looked(changed)
	}
}

// learn reports whether the content is new, and takes it for known.
func (f *Files) learn(path string, now sum) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	before, watched := f.known[path]
	if !watched || before == now {
		return false
	}
	f.known[path] = now
	return true
}

// complain says once that a file has no content.
func (f *Files) complain(path string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != f.missing[path] {
		f.Log.Warn("file cannot be read: the content before is taken to be in use", "error", err)
	}
	f.missing[path] = text
}
