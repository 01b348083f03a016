package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"postern/internal/config"
	builtin "postern/internal/maps"
)

// TestRecipes: the files and tests that CONTRIBUTING.md names are there.
func TestRecipes(t *testing.T) {
	tests := testNames(t)
	n := 0
	for _, span := range codeSpans(readDocument(t, filepath.Join(repository, "CONTRIBUTING.md")).prose) {
		switch {
		case strings.Contains(span, " ") || strings.Contains(span, "NAME") || strings.Contains(span, "://") || strings.HasPrefix(span, "//"):
		case regexp.MustCompile(`^Test[A-Z]\w+$`).MatchString(span):
			n++
			if !tests[span] {
				t.Errorf("there is no %s", span)
			}
		case strings.Contains(span, "/") && span != "testing/synctest" && span != "testdata/":
			n++
			if _, err := os.Stat(filepath.Join(repository, span)); err != nil {
				t.Error(err)
			}
		}
	}
	if n < 50 {
		t.Errorf("only %d names found", n)
	}
}

// testNames are the tests of the repository.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, pattern := range []string{"*_test.go", "*/*_test.go", "*/*/*_test.go", "*/*/*/*_test.go"} {
		files, err := filepath.Glob(filepath.Join(repository, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(text, -1) {
				found[string(m[1])] = true
			}
		}
	}
	return found
}

// TestEveryCheckIsMade: each check that the configuration knows is made where
// a chain names it.
func TestEveryCheckIsMade(t *testing.T) {
	_, err := config.Parse("f", []byte("policyd: {checks: [nonsense]}\n"))
	if err == nil {
		t.Fatal("an unknown check is accepted")
	}
	_, known, _ := strings.Cut(err.Error(), "one of ")
	names := regexp.MustCompile(`[a-z_]+`).FindAllString(known, -1)
	if len(names) < 5 {
		t.Fatalf("only %q are known: %v", names, err)
	}
	file := documentedHost(t)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		chained := regexp.MustCompile(`chains: \{.*?\}`).ReplaceAll(text, []byte("chains: {test: ["+name+"]}"))
		if err := os.WriteFile(file, chained, 0o600); err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		run(t.Context(), []string{"policy", "--config", file, "--explain", "policy_context=test", "client_address=192.0.2.1", "protocol_state=RCPT"}, nil, &out, &errs)
		if !strings.Contains(out.String(), name) {
			t.Errorf("a chain with %s: %s%s", name, &out, &errs)
		}
	}
}

// TestEveryMapIsDocumented: docs/maps.md has each built-in map in both of its
// tables: what it answers, and what it answers while the database is away.
func TestEveryMapIsDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(repository, "docs/maps.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range builtin.Names() {
		rows := regexp.MustCompile("(?m)^\\|[^|]*`"+name+"`[^|]*\\|").FindAll(text, -1)
		if len(rows) < 2 {
			t.Errorf("docs/maps.md: %d rows of tables begin with %s, want 2", len(rows), name)
		}
	}
}

// TestEveryCommandIsDocumented: some document shows each command, in a block
// or in its prose.
func TestEveryCommandIsDocumented(t *testing.T) {
	var all strings.Builder
	for _, d := range documents(t) {
		for _, b := range d.blocks {
			all.WriteString(b.text)
		}
		all.WriteString(strings.Join(codeSpans(d.prose), "\n"))
	}
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			if sub.Hidden {
				continue
			}
			words := strings.Fields(sub.CommandPath())
			if len(words) == 2 && !strings.Contains(all.String(), sub.CommandPath()) {
				t.Errorf("no document shows %s", sub.CommandPath())
			}
			walk(sub)
		}
	}
	walk(newRoot())
}
