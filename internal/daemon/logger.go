package daemon

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"
)

// NewLogger writes log lines to w, in the format text or json. A line is one
// line of printable text, not longer than lineLimit, whatever those say whose
// words are in it. Trouble that repeats is counted, not repeated.
//
// Where w is connected to the journal (JOURNAL_STREAM, systemd.exec(5)) a line
// begins with <N>, its priority (sd-daemon(3)), and one of text has no time,
// which the journal adds. A level that is a *slog.LevelVar can be changed later.
// Hide, if it is not nil, changes the addresses in each text: MaskAddresses,
// HashAddresses.
func NewLogger(w io.Writer, format string, level slog.Leveler, hide func(text string) string) (*slog.Logger, error) {
	out := &lineWriter{w: w, journal: isJournal(w)}
	opts := &slog.HandlerOptions{Level: level}
	var inner slog.Handler
	switch format {
	case "json":
		out.json = true
		inner = slog.NewJSONHandler(&out.buf, opts)
	case "text", "":
		inner = slog.NewTextHandler(&out.buf, opts)
	default:
		return nil, fmt.Errorf("log: format %q: want text or json", format)
	}
	return slog.New(newRepeatHandler(fitHandler{lineHandler{inner, out}, hide})), nil
}

// isJournal reports whether w is the stream that JOURNAL_STREAM names, as
// DEVICE:INODE.
func isJournal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && os.Getenv("JOURNAL_STREAM") == fmt.Sprintf("%d:%d", stat.Dev, stat.Ino)
}

// lineHandler writes whole lines.
type lineHandler struct {
	slog.Handler
	out *lineWriter
}

// lineWriter is the line that is being written, shared by the handlers that
// come of one.
type lineWriter struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	w       io.Writer
	json    bool
	journal bool // w is
}

// Handle writes one line.
func (h lineHandler) Handle(ctx context.Context, r slog.Record) error {
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	h.out.buf.Reset()
	if h.out.journal && !h.out.json {
		r.Time = time.Time{} // a handler leaves out a time that is zero
	}
	if h.out.journal {
		fmt.Fprintf(&h.out.buf, "<%d>", priority(r.Level))
	}
	if err := h.Handler.Handle(ctx, r); err != nil {
		return err
	}
	line := h.out.buf.Bytes()
	if h.out.json {
		line = printableJSON(line)
	}
	_, err := h.out.w.Write(line)
	return err
}

// WithAttrs keeps the writer.
func (h lineHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return lineHandler{h.Handler.WithAttrs(attrs), h.out}
}

// WithGroup keeps the writer.
func (h lineHandler) WithGroup(name string) slog.Handler {
	return lineHandler{h.Handler.WithGroup(name), h.out}
}

// priority is the one of syslog(3) for a level.
func priority(l slog.Level) int {
	switch {
	case l >= slog.LevelError:
		return 3
	case l >= slog.LevelWarn:
		return 4
	case l >= slog.LevelInfo:
		return 6
	}
	return 7
}
