package tcptable_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"postern/internal/dialog"
	"postern/internal/lookup/lookuptest"
	"postern/tcptable"
)

// TestConformance: the client of a server of a map is a map like any other,
// where the limits leave room for the long keys and values of the suite.
func TestConformance(t *testing.T) {
	limits := tcptable.Limits{Request: 65536, Reply: 131072}
	load := func(t *testing.T, pairs map[string]string) lookuptest.Subject {
		origin := &origin{pairs: pairs}
		address := dialog.Listen(t, "tcp", &tcptable.Handler{Map: origin, Limits: limits})
		return lookuptest.Subject{
			Map:   newClient(t, address, tcptable.ClientOptions{Limits: limits}),
			Break: func() { origin.broken.Store(true) },
		}
	}
	lookuptest.Run(t, load, lookuptest.Options{})
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
