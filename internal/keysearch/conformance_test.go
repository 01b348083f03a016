package keysearch

import (
	"testing"

	"postern/internal/lookup/lookuptest"
)

// The suite asks for keys one by one, so it fits the class that does too. It
// does not get to break the table: an empty key never reaches one, so it has
// no error; TestErrorEndsTheSearch has the others.
func TestExactConforms(t *testing.T) {
	load := func(_ *testing.T, pairs map[string]string) lookuptest.Subject {
		return lookuptest.Subject{Map: New(Exact, Options{}, &lookuptest.Table{M: pairs})}
	}
	lookuptest.Run(t, load, lookuptest.Options{Cannot: func(key string) bool { return key == "" }})
}
