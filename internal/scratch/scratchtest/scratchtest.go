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
	m, err := scratch.StartMariaDB(tb.Context(), opts)
	keep(tb, m, err)
	return m
}

// Postfix starts a mail system for tb. If tb fails, its log is printed.
func Postfix(tb testing.TB, opts scratch.PostfixOptions) *scratch.Postfix {
	tb.Helper()
	p, err := scratch.StartPostfix(tb.Context(), opts)
	keep(tb, p, err)
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("log of Postfix at %s:\n%s", p.Addr(), p.Log())
		}
	})
	return p
}

// Sink starts the outside world for tb.
func Sink(tb testing.TB, opts scratch.SinkOptions) *scratch.Sink {
	tb.Helper()
	s, err := scratch.StartSink(tb.Context(), opts)
	keep(tb, s, err)
	return s
}

// keep fails tb if the server did not start, and stops it when tb ends.
func keep(tb testing.TB, server interface{ Stop() error }, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := server.Stop(); err != nil {
			tb.Error(err)
		}
	})
}
