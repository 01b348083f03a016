// Package filemap serves postmap(1) source files as maps that are live: an
// edit counts without running postmap, within about two seconds.
//
// # File format
//
// One entry per line: a key, white space, a value. A line that starts with
// white space continues the one before it. Blank lines, and lines whose first
// text is "#", are dropped, also among continuations. White space belongs to
// the key inside double quotes and behind a backslash; the quotes stay part of
// the key, as in
//
//	"john doe"@example.com  john@example.net
//
// Keys are folded as postmap does ([lookup.Fold]). Of two entries for a key
// the first counts. A carriage return is white space, so files with CRLF line
// ends are read.
//
// # Lines that give no entry
//
// A line with a key but no value, with an unbalanced quote, with bytes that
// are no valid UTF-8 or are NUL, and a first line that starts with white
// space: postmap warns its user and skips them (of a line with a NUL byte it
// takes the part before that). Here nobody watches, and a skipped alias bounces
// mail. So a file that has such a line does not take the place of content that
// has none: the error names the line, and the content before stays in use
// until the file is mended. At start there is nothing to keep, and the line is
// skipped with a warning. Warned of but used: duplicates, and keys that end
// in ":", as in an alias file.
//
// # Changes
//
// At most once per second a lookup checks device, inode, size and times of the
// file, and reads it anew if they differ; the lookups that come meanwhile
// wait. A file edited in place may be half written, so it is read when it has
// not been written to for one second; replace files by rename, and keep them
// from being written to without pause. While the file cannot be read, or is
// gone, the last good content stays in use. Each state of the file is
// complained of once. A file that is missing at the start can be awaited
// ([Await]): lookups fail until it is there.
//
// # Limits
//
// A file is at most 256 MiB; memory is about three times its size, while it
// is read anew six times. It must be a regular file.
//
// # Security
//
// Who can write the file, or its directory, decides where mail goes. Nothing
// checks the owner: give it to root.
//
// # Known limits
//
// A lookup asks the key as it is given, already folded: which keys to ask is
// the work of a search. A file system that hangs hangs the lookup that checks;
// the others wait as long as their context allows.
package filemap

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"postern/internal/lookup"
)

// Options of a map. The zero value will do.
type Options struct {
	Log     *slog.Logger     // silent if nil
	Now     func() time.Time // time.Now if nil
	Check   time.Duration    // pause between two checks of the file; 1 s if zero
	MaxSize int64            // bytes; 256 MiB if zero
}

const (
	defaultCheck   = time.Second
	defaultMaxSize = 256 << 20
)

// Map is a file as a lookup.Map.
type Map struct {
	path    string
	log     *slog.Logger
	now     func() time.Time
	check   time.Duration
	maxSize int64
	opened  time.Time

	current atomic.Pointer[loaded]
	due     atomic.Int64  // when to check next, in nanoseconds since opened
	turn    chan struct{} // holds a token while one lookup checks

	// Of the one that holds the token:
	seen  fingerprint // the state of the file that was last judged
	fault string      // the trouble that was last logged
}

// loaded is the content in use.
type loaded struct {
	*content
	at time.Time
}

// Open reads the file at path, and waits up to three seconds if somebody has
// just written to it. The error says what is wrong with a file that cannot be
// read; one with faulty lines is opened, and warned of.
func Open(path string, o Options) (*Map, error) {
	m := &Map{
		path:    path,
		log:     o.Log,
		now:     o.Now,
		check:   cmp.Or(o.Check, defaultCheck),
		maxSize: cmp.Or(o.MaxSize, defaultMaxSize),
		turn:    make(chan struct{}, 1),
	}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	if m.now == nil {
		m.now = time.Now
	}
	m.opened = m.now()
	text, state, err := m.settled()
	if err != nil {
		return nil, err
	}
	m.activate(parse(text), state)
	m.due.Store(int64(m.check))
	return m, nil
}

// settled reads the file when it is no longer written to. One that never
// rests is taken as it is, to be read again at the next check that finds it at
// rest.
func (m *Map) settled() (text string, state fingerprint, err error) {
	for range 3 {
		if state, err = stat(m.path); err != nil {
			return "", state, err
		}
		time.Sleep(state.hot(m.now()))
		text, state, err = read(m.path, m.maxSize)
		if err != nil || state.hot(m.now()) == 0 {
			return text, state, err
		}
	}
	return text, fingerprint{}, nil
}

// Lookup returns the value of a key as the file has it. It fails only where
// ctx ends before the file has been read anew.
func (m *Map) Lookup(ctx context.Context, key string) (string, bool, error) {
	if err := m.refresh(ctx); err != nil {
		return "", false, fmt.Errorf("file map %s: waiting for its content: %w", m.path, err)
	}
	c := m.current.Load()
	value, found := c.entries[key]
	if trace := lookup.Trace(ctx); trace != nil {
		trace(lookup.Step{
			Map: "file:" + m.path, Key: key, Source: "file",
			Value: value, Found: found, Age: m.now().Sub(c.at),
		})
	}
	return value, found, nil
}

// Len returns the number of entries in use.
func (m *Map) Len() int { return len(m.current.Load().entries) }

// refresh checks the file if it is time to, or if ctx asks for a fresh look.
func (m *Map) refresh(ctx context.Context) error {
	if !m.isDue() && !lookup.Fresh(ctx) {
		return nil
	}
	select {
	case m.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-m.turn }()
	if m.isDue() || lookup.Fresh(ctx) { // still, or has another done it?
		m.due.Store(int64(m.now().Sub(m.opened) + m.look()))
	}
	return nil
}

func (m *Map) isDue() bool { return int64(m.now().Sub(m.opened)) >= m.due.Load() }

// look reads the file if it has changed and is at rest, and returns the pause
// before the next look.
func (m *Map) look() time.Duration {
	state, err := stat(m.path)
	if err != nil {
		m.trouble(err)
		return m.check
	}
	if state == m.seen {
		m.fault = "" // whatever it was, it is over; the next trouble is news
		return m.check
	}
	if pause := state.hot(m.now()); pause > 0 {
		return min(pause, m.check)
	}
	text, state, err := read(m.path, m.maxSize)
	if err != nil {
		m.trouble(err)
		return m.check
	}
	if state.hot(m.now()) > 0 { // written to while it was read
		return m.check
	}
	m.judge(parse(text), state)
	return m.check
}

// trouble says once that the file cannot be read.
func (m *Map) trouble(err error) {
	if fault := err.Error(); fault != m.fault {
		m.fault = fault
		m.log.Error("file map: cannot be read; the last good content stays in use",
			"file", m.path, "error", err, "entries", m.Len())
	}
}

// judge takes new content into use, unless it has faulty lines and the present
// one has not.
func (m *Map) judge(c *content, state fingerprint) {
	m.fault = ""
	bad := c.skipped
	if bad == nil || m.current.Load().skipped != nil {
		m.activate(c, state)
		return
	}
	m.seen = state
	m.log.Error("file map: new content not used; mend the line, the last good content stays in use",
		"file", m.path, "line", bad.line, "fault", bad.text, "entries", m.Len())
}

func (m *Map) activate(c *content, state fingerprint) {
	before := m.current.Swap(&loaded{c, m.now()})
	m.seen = state
	for _, complaint := range c.complaints {
		m.log.Warn("file map: "+complaint.text, "file", m.path, "line", complaint.line, "skipped", complaint.skipped)
	}
	if c.more > 0 {
		m.log.Warn("file map: more lines to mend", "file", m.path, "lines", c.more)
	}
	if before != nil {
		m.log.Info("file map: new content in use", "file", m.path, "entries", len(c.entries), "before", len(before.entries))
	}
}
