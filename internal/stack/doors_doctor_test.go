//go:build integration

package stack

import (
	"encoding/json"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestDoorsDoctor: `postern check` names the rows behind the doors, and finds
// nothing else on this host, where every file is as it is shipped.
func TestDoorsDoctor(t *testing.T) {
	start(t, options{})
	out, err := exec.Command(program, "check", "--json").Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 78 {
		t.Fatalf("check: %v, want exit status 78 (errors)\n%s", err, out)
	}
	var findings []struct{ Check, Effect string }
	if err := json.Unmarshal(out, &findings); err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	want := map[string][]string{
		"handle-loop":          {"ring1", "ring2", "selfish"},
		"handle-empty":         {"void", "empty", "blank"},
		"handle-shadows-alias": {"both@fwd.test"},
		"handle-named-domain":  {"outside.test"},
		"handle-reserved":      {"abuse", "admin"},
		"alias-empty":          {"nowhere@fwd.test", "blanks@fwd.test"},
		"alias-not-hosted":     {"friend@outside.test", "switched@closed.test"},
		"sender-without-alias": {"bob@b.test"},
	}
	var found []string
	for _, f := range findings {
		found = append(found, f.Check)
		text := f.Effect
		for _, row := range want[f.Check] {
			if !strings.Contains(text, row) {
				t.Errorf("%s does not name %s: %s", f.Check, row, text)
			}
		}
		if _, known := want[f.Check]; !known {
			t.Errorf("finding on the files as shipped: %+v", f)
		}
	}
	for name := range want {
		if !slices.Contains(found, name) {
			t.Errorf("no finding %s", name)
		}
	}
}

// TestDoorsCommandsRefuseLoops: a loop is found when it is added.
func TestDoorsCommandsRefuseLoops(t *testing.T) {
	start(t, options{})
	for _, row := range []struct{ name, target, says string }{
		{"to itself", "new-ring@fwd.test", "is the address itself"},
		{"into a ring", "ring1@fwd.test", "leads in a circle"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := run("", program, "handle", "add", "new-ring", row.target)
			if err == nil || !strings.Contains(err.Error(), row.says) {
				t.Errorf("%v; want %q", err, row.says)
			}
		})
	}
}
