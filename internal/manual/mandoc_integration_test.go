//go:build integration

package manual

import (
	"os/exec"
	"strings"
	"testing"
)

// TestMandoc: postern.yaml(5) is without warnings.
func TestMandoc(t *testing.T) {
	cmd := exec.Command("mandoc", "-Tlint", "-Wwarning")
	cmd.Stdin = strings.NewReader(settingsPage(t))
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("mandoc: %v\n%s", err, out)
	}
}
