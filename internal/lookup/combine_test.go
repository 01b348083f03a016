package lookup_test

import (
	"errors"
	"testing"

	"postern/internal/lookup"
)

func TestBroken(t *testing.T) {
	reason := lookup.Permanent(errors.New("open /etc/postfix/aliases.cf: no such file"))
	var steps []lookup.Step
	ctx := lookup.WithTrace(t.Context(), func(s lookup.Step) { steps = append(steps, s) })
	value, found, err := lookup.Broken(reason).Lookup(ctx, "user@example.com")
	if value != "" || found || !errors.Is(err, reason) || !lookup.IsPermanent(err) {
		t.Errorf("got %q, %v, %v, want the reason", value, found, err)
	}
	if len(steps) != 1 || steps[0].Key != "user@example.com" || !errors.Is(steps[0].Err, reason) {
		t.Errorf("traced %+v, want the reason once", steps)
	}
}
