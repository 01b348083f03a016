package srsd

import (
	"context"
	"errors"
	"testing"
)

// TestIsLocal takes recipients as Postfix shows them to a milter.
func TestIsLocal(t *testing.T) {
	e := native(t, func(e *Engine) { e.Local = domains{"home.example", ".wild.example"} })
	for address, want := range map[string]bool{
		"a@home.example":     true,
		"a@HOME.Example":     true,
		"a@srs.example.org":  true, // the SRS domain
		"a@sub.wild.example": true,
		"a@wild.example":     false,
		"a@out.example":      false,
		"postmaster":         true, // gets the domain of this host
		"":                   true,
	} {
		local, err := e.IsLocal(context.Background(), address)
		if local != want || err != nil {
			t.Errorf("%q: %v, %v", address, local, err)
		}
	}
}

// TestHostsOwnNeedsNoDatabase: no database is needed for an address without
// a domain.
func TestHostsOwnNeedsNoDatabase(t *testing.T) {
	e := native(t, func(e *Engine) {
		e.Hosted = func(context.Context, string) (bool, error) { return false, errors.New("asked") }
	})
	if local, err := e.IsLocal(context.Background(), "postmaster"); !local || err != nil {
		t.Errorf("%v, %v", local, err)
	}
	if _, err := e.IsLocal(context.Background(), "a@out.example"); err == nil {
		t.Error("the database was not asked")
	}
}
