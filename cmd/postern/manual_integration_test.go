//go:build integration

package main

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"postern/internal/manual"
)

// TestPagesByMandoc: no page has a warning.
func TestPagesByMandoc(t *testing.T) {
	for _, cmd := range manual.Commands(newRoot()) {
		lint := exec.Command("mandoc", "-Tlint", "-Wwarning")
		lint.Stdin = strings.NewReader(string(manual.CommandPage(cmd, time.Unix(1700000000, 0).UTC())))
		if out, err := lint.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", cmd.CommandPath(), err, out)
		}
	}
}
