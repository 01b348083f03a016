// Package scratchtest starts the servers of package scratch for one test: a
// server that does not start fails the test, and the end of the test stops it.
package scratchtest

import (
	"testing"

	"postern/internal/scratch"
)

// MariaDB starts a server for tb.
func MariaDB(tb testing.TB, opts scratch.MariaDBOptions) *scratch.MariaDB {
	tb.Helper()
	return keep[*scratch.MariaDB](tb)(scratch.StartMariaDB(tb.Context(), opts))
}

// keep is what all starters do with their results.
func keep[S interface{ Stop() error }](tb testing.TB) func(S, error) S {
	tb.Helper()
	return func(s S, err error) S {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() {
			if err := s.Stop(); err != nil {
				tb.Error(err)
			}
		})
		return s
	}
}
