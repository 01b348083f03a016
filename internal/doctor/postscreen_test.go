package doctor

import (
	"slices"
	"strings"
	"testing"
)

// TestPostscreen puts postscreen in front, as the comment in master.cf says, and
// takes its parameters away.
func TestPostscreen(t *testing.T) {
	x := shipped(t)
	x.master = strings.Replace(x.master, "\nsmtp      inet  n       -       y       -       -       smtpd\n", "\n", 1)
	for _, name := range []string{"smtp     inet", "smtpd    pass", "dnsblog  unix", "tlsproxy unix"} {
		x.master = strings.Replace(x.master, "\n#"+name, "\n"+name, 1)
	}
	if found := examine(t, host(t, x, "3.10", paper{})); slices.ContainsFunc(found, func(f Finding) bool { return f.Severity != Note }) {
		t.Fatalf("with postscreen: %v", found)
	}
	for _, name := range []string{"postscreen_greet_action", "postscreen_greet_wait", "postscreen_discard_ehlo_keywords"} {
		y := x
		y.main = changeMain(x.main, map[bool]string{true: name + " =\n", false: "!" + name + "\n"}[name == "postscreen_discard_ehlo_keywords"])
		if !hasKind(examine(t, host(t, y, "3.10", paper{})), name) {
			t.Errorf("without %s nothing is said of it", name)
		}
	}
	y := x
	y.master = changeMaster(x.master, "!smtpd pass\n")
	if !hasKind(examine(t, host(t, y, "3.10", paper{})), "service-missing") {
		t.Error("nothing is said of postscreen without smtpd pass")
	}
}

// hasKind reports a finding of a kind.
func hasKind(found []Finding, kind string) bool {
	return slices.ContainsFunc(found, func(f Finding) bool { return f.Check == kind })
}
