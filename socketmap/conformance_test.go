package socketmap_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"postern/internal/dialog"
	"postern/internal/lookup"
	"postern/internal/lookup/lookuptest"
	"postern/socketmap"
)

// TestConformance: the client of a server of a map is a map like any other.
func TestConformance(t *testing.T) {
	for _, network := range []string{"unix", "tcp"} {
		t.Run(network, func(t *testing.T) {
			load := func(t *testing.T, pairs map[string]string) lookuptest.Subject {
				origin := &origin{pairs: pairs}
				h := &socketmap.Handler{Maps: func() lookup.Set { return lookup.Set{"m": origin} }}
				address := dialog.Listen(t, network, h)
				return lookuptest.Subject{
					Map:   newClient(t, network, address, "m", socketmap.ClientOptions{}),
					Break: func() { origin.broken.Store(true) },
				}
			}
			lookuptest.Run(t, load, lookuptest.Options{})
		})
	}
}

// origin is a map that can be broken.
type origin struct {
	pairs  map[string]string
	broken atomic.Bool
}

func (o *origin) Lookup(_ context.Context, key string) (string, bool, error) {
	if o.broken.Load() {
		return "", false, errors.New("database: gone away")
	}
	value, found := o.pairs[key]
	return value, found, nil
}
