package keysearch

import (
	"errors"
	"testing"

	"postern/internal/lookup/lookuptest"
)

// The suite asks for keys one by one, so it fits the class that does too.
func TestExactConforms(t *testing.T) {
	load := func(_ *testing.T, pairs map[string]string) lookuptest.Subject {
		table := &lookuptest.Table{M: pairs}
		return lookuptest.Subject{
			Map:   New(Exact, Options{}, table),
			Break: func() { table.Fail(errors.New("connection refused")) },
		}
	}
	lookuptest.Run(t, load, lookuptest.Options{Cannot: func(key string) bool { return key == "" }})
}
