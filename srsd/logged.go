package srsd

import (
	"context"
	"log/slog"

	"postern/internal/lookup"
)

// maxLogged is how much of an address a log line shows, in bytes.
const maxLogged = 200

// Logged logs what m does, as PostSRSd does: what is rewritten at level info,
// what is left alone at level debug.
func Logged(m lookup.Map, direction string, log *slog.Logger) lookup.Map {
	return lookup.Func(func(ctx context.Context, key string) (string, bool, error) {
		value, found, err := m.Lookup(ctx, key)
		switch {
		case err != nil:
			log.Warn("srs "+direction+": not rewritten", "address", bounded(key), "error", err)
		case !found || value == key:
			log.Debug("srs "+direction+": not rewritten", "address", bounded(key), "reason", value)
		default:
			log.Info("srs "+direction+": rewritten", "address", bounded(key), "to", bounded(value))
		}
		return value, found, err
	})
}

func bounded(address string) string { return address[:min(len(address), maxLogged)] }
