package srsd

import (
	"context"
	"log/slog"
	"time"

	"postern/internal/lookup"
)

// maxLogged is how much of an address a log line shows, in bytes.
const maxLogged = 200

// Logged logs what m does, as PostSRSd does: what is rewritten at level info,
// what is left alone at level debug.
func Logged(m lookup.Map, direction string, log *slog.Logger) lookup.Map {
	return logged{m, log.Handler(), "srs " + direction + ": rewritten", "srs " + direction + ": not rewritten"}
}

// logged writes a line for each lookup. It hands the line to the handler itself,
// as a slog.Logger would look up the place in the program each time.
type logged struct {
	m           lookup.Map
	handler     slog.Handler
	did, didNot string
}

// Lookup asks the map.
func (l logged) Lookup(ctx context.Context, key string) (string, bool, error) {
	value, found, err := l.m.Lookup(ctx, key)
	switch {
	case err != nil:
		l.say(ctx, slog.LevelWarn, l.didNot, key, slog.Any("error", err))
	case !found || value == key:
		l.say(ctx, slog.LevelDebug, l.didNot, key, slog.String("reason", value))
	default:
		l.say(ctx, slog.LevelInfo, l.did, key, slog.String("to", bounded(value)))
	}
	return value, found, err
}

func (l logged) say(ctx context.Context, level slog.Level, text, key string, more slog.Attr) {
	if !l.handler.Enabled(ctx, level) {
		return
	}
	r := slog.NewRecord(time.Now(), level, text, 0)
	r.AddAttrs(slog.String("address", bounded(key)), more)
	_ = l.handler.Handle(ctx, r) // there is nobody to tell, as in package slog
}

func bounded(address string) string { return address[:min(len(address), maxLogged)] }
