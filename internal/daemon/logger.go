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

// NewLogger writes log lines to w, in the format text or json. Where w is
// connected to the journal (JOURNAL_STREAM, systemd.exec(5)) a text line has no
// time, which the journal adds, and begins with <N>, its priority
// (sd-daemon(3)). A level that is a *slog.LevelVar can be changed later. Hide, if
// it is not nil, changes each line: MaskAddresses, HashAddresses.
func NewLogger(w io.Writer, format string, level slog.Leveler, hide func(line string) string) (*slog.Logger, error) {
	opts := &slog.HandlerOptions{Level: level}
	journal := isJournal(w)
	if hide != nil {
		w = hidingWriter{w, hide}
	}
	switch format {
	case "json":
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	case "text", "":
		if journal {
			return slog.New(newJournalHandler(w, level)), nil
		}
		return slog.New(slog.NewTextHandler(w, opts)), nil
	}
	return nil, fmt.Errorf("log: format %q: want text or json", format)
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

// journalHandler is a text handler that puts a priority before each line.
type journalHandler struct {
	slog.Handler
	out *journalLine
}

// journalLine is the line that is being written, shared by the handlers that
// come of one.
type journalLine struct {
	mu  sync.Mutex
	buf bytes.Buffer
	w   io.Writer
}

func newJournalHandler(w io.Writer, level slog.Leveler) journalHandler {
	out := &journalLine{w: w}
	return journalHandler{slog.NewTextHandler(&out.buf, &slog.HandlerOptions{Level: level}), out}
}

// Handle writes one line.
func (h journalHandler) Handle(ctx context.Context, r slog.Record) error {
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	h.out.buf.Reset()
	r.Time = time.Time{} // a handler leaves out a time that is zero
	fmt.Fprintf(&h.out.buf, "<%d>", priority(r.Level))
	if err := h.Handler.Handle(ctx, r); err != nil {
		return err
	}
	_, err := h.out.w.Write(h.out.buf.Bytes())
	return err
}

// WithAttrs keeps the priority.
func (h journalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return journalHandler{h.Handler.WithAttrs(attrs), h.out}
}

// WithGroup keeps the priority.
func (h journalHandler) WithGroup(name string) slog.Handler {
	return journalHandler{h.Handler.WithGroup(name), h.out}
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
