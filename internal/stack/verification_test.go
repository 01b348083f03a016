//go:build integration

package stack

import (
	"testing"
)

func TestMailIsAcceptedOnPort25(t *testing.T) {
	s := start(t, options{})
	s.outside(t, stranger).send("ann@outside.test", []string{"accepted@fwd.test"}, letter("ann@outside.test", "accepted@fwd.test", "accepted"))
	if m := s.world.mail(t, "accepted@dest.test"); m.header("Subject") != "accepted" {
		t.Errorf("subject %q", m.header("Subject"))
	}
}
