//go:build integration

package e2e

import (
	"strings"
	"testing"

	"postern/internal/scratch"
)

// startPostfix starts a Postfix that ends with the test.
func startPostfix(t *testing.T, main map[string]string) *scratch.Postfix {
	t.Helper()
	return startPostfixOf(t, "", main)
}

// startPostfixOf takes Postfix from a Debian root folder; "" is this machine.
// Master is entries of master.cf.
func startPostfixOf(t *testing.T, root string, main map[string]string, master ...string) *scratch.Postfix {
	t.Helper()
	p, err := scratch.StartPostfix(t.Context(), scratch.PostfixOptions{Root: root, Main: main, Master: strings.Join(master, "\n")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of Postfix at %s:\n%s", p.Addr(), tail(p.Log(), 2000))
		}
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}
