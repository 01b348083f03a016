// Package lookup holds the one question of the whole suite: what value does a
// key have?
//
// # The question
//
// Everything that maps a key to a value is a [Map]: an SQL query, a table in
// memory, a file, a cache in front of another map, Postfix's key search in
// front of that, the client of a lookup protocol. Maps are made of maps, so
// each kind stays small and is tested alone.
//
// # The three outcomes
//
// Found, not found, and trouble. "Not found" is an answer and never an error:
// Postfix acts on it (550 for a recipient, "may pass" for a ban), so a map
// must not give it unless it knows. Every error is temporary (TEMP on
// socketmap, 400 on tcp_table) unless it is marked with [Permanent].
//
// # Two finer points
//
// An error made by [Unsure] says "not found when I last could tell, and I
// cannot tell now". A search that has further key forms or maps to ask steps
// over it; if nothing positive follows, the whole answer is that error.
//
// A context made by [WithFresh] asks a map for what its origin says now,
// past whatever it holds in memory. A search uses it for a second pass when
// the first one ended unsure.
//
// # Layers
//
// The raw map (one key, one row source), the cache before it and the key
// search before both are three layers. A list of tables is searched over the
// raw-and-cached faces of its members: first every table with the full
// address, then every table with the next key form, as Postfix does with a
// list of mysql: tables.
package lookup

import (
	"context"
	"errors"
)

// Map answers one key.
//
// If found is false and err is nil, the key has no value; value may then hold
// a reason for the person who debugs ("Need not rewrite local domain."), which
// the wire protocols print behind NOTFOUND or 500. A found value is never
// empty: Postfix takes an empty result for a configuration error, so a map
// with nothing to say answers "not found". Implementations are safe for
// concurrent use.
type Map interface {
	Lookup(ctx context.Context, key string) (value string, found bool, err error)
}

// Func is a function as a Map.
type Func func(ctx context.Context, key string) (value string, found bool, err error)

// Lookup calls f.
func (f Func) Lookup(ctx context.Context, key string) (string, bool, error) {
	return f(ctx, key)
}

// Set is the maps of one endpoint by the names that Postfix asks for.
type Set map[string]Map

// permanentError marks trouble that will not go away by waiting.
type permanentError struct{ err error }

func (e permanentError) Error() string { return e.err.Error() }
func (e permanentError) Unwrap() error { return e.err }

// Permanent marks err as trouble that only a human can mend (PERM on
// socketmap). Postfix defers mail on it like on any other error.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanentError{err}
}

// IsPermanent reports whether err, or one it wraps, was marked by Permanent.
func IsPermanent(err error) bool {
	return errors.As(err, new(permanentError))
}

// unsureError is a "not found" that is too old to be believed. It is made for
// every miss that a search steps over, so its text waits until somebody asks.
type unsureError struct{ err error }

func (e unsureError) Error() string { return "not found as of the last answer: " + e.err.Error() }
func (e unsureError) Unwrap() error { return e.err }

// Unsure says that the key was not found when that could last be told, and
// err why it cannot be told now. It is a temporary error to all who do not ask.
func Unsure(err error) error {
	return unsureError{err}
}

// IsUnsure reports whether err, or one it wraps, was made by Unsure.
func IsUnsure(err error) bool {
	if _, plain := err.(unsureError); plain || err == nil {
		return plain
	}
	return errors.As(err, new(unsureError))
}

type freshKey struct{}

// WithFresh asks the maps below for what their origin says now.
func WithFresh(ctx context.Context) context.Context {
	return context.WithValue(ctx, freshKey{}, true)
}

// Fresh reports whether ctx was made by WithFresh.
func Fresh(ctx context.Context) bool {
	return ctx.Value(freshKey{}) != nil
}
