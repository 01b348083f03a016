package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const manual = "../../docs/check.md"

// TestManual holds the tables of docs/check.md to the kinds of findings.
func TestManual(t *testing.T) {
	text := read(t, manual)
	const begin, end = "<!-- findings: written by the tests of internal/doctor -->\n", "<!-- end of findings -->\n"
	head, rest, ok := strings.Cut(text, begin)
	_, tail, okToo := strings.Cut(rest, end)
	if !ok || !okToo {
		t.Fatalf("%s has no place for the findings", manual)
	}
	want := head + begin + manualTables() + end + tail
	if update() {
		if err := os.WriteFile(manual, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if text != want {
		t.Errorf("%s is out of date: go test ./internal/doctor -run Manual -update", manual)
	}
}

func manualTables() string {
	var b strings.Builder
	for _, topic := range topics() {
		fmt.Fprintf(&b, "\n### %s\n\n| finding | severity | means |\n|---|---|---|\n", topic.name)
		for _, k := range topic.kinds() {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", k.Name, k.Severity, k.Means)
		}
	}
	return b.String() + "\n"
}

// TestEveryKindIsFound looks for each kind in the findings of the broken
// configurations, of the mutants, or in the list of those that have another test.
func TestEveryKindIsFound(t *testing.T) {
	seen := map[string]bool{}
	files, _ := filepath.Glob("testdata/broken/*/findings")
	named := regexp.MustCompile(`\[([^\[\] ]+)\]\n`)
	for _, file := range files {
		for _, m := range named.FindAllStringSubmatch(read(t, file), -1) {
			seen[m[1]] = true
		}
	}
	for _, m := range mutants(t, shipped(t)) {
		for _, f := range examine(t, host(t, mutated(t, m), "3.7", paper{})) {
			seen[f.Check] = true
		}
	}
	names := map[string]bool{}
	for _, k := range Kinds() {
		if names[k.Name] {
			t.Errorf("two kinds are named %s", k.Name)
		}
		names[k.Name] = true
		elsewhere := slices.Contains(foundElsewhere(), k.Name)
		switch {
		case !seen[k.Name] && !elsewhere:
			t.Errorf("%s: no test finds it", k.Name)
		case seen[k.Name] && elsewhere:
			t.Errorf("%s: has a folder, and is listed as found elsewhere", k.Name)
		}
	}
}

// foundElsewhere are the kinds that tests of their own find.
func foundElsewhere() []string {
	return []string{
		// database_integration_test.go
		"database-unreachable", "database-right", "feed-incomplete", "feed-orphaned", "database-time-zone", "clock", "sender-index",
		// postscreen_test.go
		"postscreen_greet_action", "postscreen_greet_wait", "postscreen_discard_ehlo_keywords",
		// unread_test.go
		"unreadable", "version-unknown", "opendkim-unread", "secret-unseen", "parameter-unread",
	}
}
