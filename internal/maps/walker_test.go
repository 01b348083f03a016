package maps

import (
	"context"
	"slices"
	"testing"

	"postern/internal/lookup"
)

// TestExpand: an address leads to the same places whether or not elsewhere is
// asked about, and nothing is asked about elsewhere.
func TestExpand(t *testing.T) {
	quick := New(hostTables(), hostOptions()).Walker()
	thorough := &Walker{Step: quick.Step, Hosted: quick.Hosted}
	for address, want := range map[string][]string{
		"info@fwd.test":           {"boss@dest.test"},
		"TEAM+x@fwd.test":         {"a+x@dest.test", "b+x@dest.test"},
		"chain@fwd.test":          {"a@dest.test", "b@dest.test"},
		"sales@b.test":            {"sales@dest.test"},
		"half@fwd.test":           {"other@dest.test"},
		"open1@fwd.test":          {"out@dest.test"},
		"self@fwd.test":           nil,
		"nobody@fwd.test":         nil,
		"bob@dest.test":           {"bob@dest.test"}, // its alias row is not of a hosted domain
		"gone@old.test":           {"gone@old.test"},
		"Postmaster@MX.test":      {"ops@elsewhere.test"},
		"somebody@mx.test":        {"somebody@mx.test"},
		"postmaster":              {"postmaster"},
		"user@":                   {"user@"},
		`"info@fwd.test"@x.test`:  {`"info@fwd.test"@x.test`},
		`"info"@fwd.test`:         nil, // Postfix asks without quotes that are not needed
		"info@fwd.test@dest.test": {"info@fwd.test@dest.test"},
	} {
		got, err := quick.Expand(t.Context(), address)
		same, sameErr := thorough.Expand(t.Context(), address)
		if err != nil || sameErr != nil || !slices.Equal(got.Final, same.Final) || !slices.Equal(got.Final, want) {
			t.Errorf("%s leads to %q (%v), or %q (%v); want %q", address, got.Final, err, same.Final, sameErr, want)
		}
	}
	asked := &Walker{Expands: quick.Expands, Hosted: quick.Hosted, Step: lookup.Func(func(ctx context.Context, key string) (string, bool, error) {
		if key != "chain@fwd.test" && key != "team@fwd.test" {
			t.Errorf("%s was asked about", key)
		}
		return quick.Step.Lookup(ctx, key)
	})}
	if _, err := asked.Expand(t.Context(), "chain@fwd.test"); err != nil {
		t.Error(err)
	}
}

// TestExpandMailboxes: where mailboxes are kept beside aliases, their table
// answers an address with itself so that a catch-all does not take it.
func TestExpandMailboxes(t *testing.T) {
	table := map[string]string{
		"john@box.test": "john@box.test", "jack@box.test": "john@box.test", "@box.test": "john@box.test",
		"keep@box.test": "keep@box.test, copy@dest.test", "dead@fwd.test": "dead@fwd.test", "ring1@box.test": "ring2@box.test", "ring2@box.test": "ring1@box.test",
	}
	w := &Walker{
		Step: lookup.Func(func(_ context.Context, key string) (string, bool, error) {
			value, found := table[key]
			return value, found, nil
		}),
		Hosted: func(_ context.Context, domain string) (bool, error) { return domain == "fwd.test", nil },
	}
	for address, want := range map[string][]string{
		"john@box.test":  {"john@box.test"},
		"jack@box.test":  {"john@box.test"},
		"@box.test":      {"john@box.test"},
		"keep@box.test":  {"keep@box.test", "copy@dest.test"},
		"dead@fwd.test":  nil,
		"ring1@box.test": nil,
	} {
		if walk, err := w.Expand(t.Context(), address); err != nil || !slices.Equal(walk.Final, want) {
			t.Errorf("%s leads to %q, %v, want %q", address, walk.Final, err, want)
		}
	}
}
