package lookuptest_test

import (
	"errors"
	"testing"

	"postern/internal/lookup/lookuptest"
)

func TestTableConforms(t *testing.T) {
	load := func(_ *testing.T, pairs map[string]string) lookuptest.Subject {
		table := &lookuptest.Table{M: pairs}
		return lookuptest.Subject{Map: table, Break: func() { table.Fail(errors.New("gone")) }}
	}
	lookuptest.Run(t, load, lookuptest.Options{})
}
