package daemon

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"log/syslog"
	"sync"
	"time"
)

// NewSyslogLogger writes log lines to syslog(3), facility mail, under a tag.
// It connects at once, so that it goes on after a chroot(2).
func NewSyslogLogger(tag string, level slog.Leveler) (*slog.Logger, error) {
	return newSyslogLogger("", "", tag, level) // package syslog knows where
}

// newSyslogLogger logs to a socket.
func newSyslogLogger(network, address, tag string, level slog.Leveler) (*slog.Logger, error) {
	w, err := syslog.Dial(network, address, syslog.LOG_MAIL|syslog.LOG_INFO, tag)
	if err != nil {
		return nil, fmt.Errorf("log: %w", err)
	}
	out := &syslogLine{w: w}
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: withoutLevel}
	return slog.New(newRepeatHandler(fitHandler{Handler: syslogHandler{slog.NewTextHandler(&out.buf, options), out}})), nil
}

// withoutLevel leaves out what the priority says.
func withoutLevel(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.LevelKey {
		return slog.Attr{}
	}
	return a
}

// syslogHandler is a text handler whose lines go to syslog.
type syslogHandler struct {
	slog.Handler
	out *syslogLine
}

// syslogLine is the line that is being written, shared by the handlers that
// come of one.
type syslogLine struct {
	mu  sync.Mutex
	buf bytes.Buffer
	w   *syslog.Writer
}

// Handle sends one line with its priority.
func (h syslogHandler) Handle(ctx context.Context, r slog.Record) error {
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	h.out.buf.Reset()
	r.Time = time.Time{}
	if err := h.Handler.Handle(ctx, r); err != nil {
		return err
	}
	line := h.out.buf.String()
	switch priority(r.Level) {
	case 3:
		return h.out.w.Err(line)
	case 4:
		return h.out.w.Warning(line)
	case 6:
		return h.out.w.Info(line)
	}
	return h.out.w.Debug(line)
}

// WithAttrs keeps the writer.
func (h syslogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return syslogHandler{h.Handler.WithAttrs(attrs), h.out}
}

// WithGroup keeps the writer.
func (h syslogHandler) WithGroup(name string) slog.Handler {
	return syslogHandler{h.Handler.WithGroup(name), h.out}
}
