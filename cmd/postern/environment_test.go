package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/manual"
)

// TestEnvironment: the pages of commands name the variables that they read, and
// those of no other.
func TestEnvironment(t *testing.T) {
	want := map[string]string{
		"postern serve": "NOTIFY_SOCKET", "postern socketmap": "JOURNAL_STREAM", "postern tcptable": "LISTEN_FDS", "postern policyd": "CREDENTIALS_DIRECTORY",
		"postern srsd": "POSTSRSD_FAKETIME", "postern srs forward": "POSTERN_FAKETIME", "postern srs reverse": "POSTERN_FAKETIME",
		"postern srs rotate": "POSTERN_FAKETIME", "postern query": "POSTERN_FAKETIME", "postern top": "NO_COLOR",
	}
	root := newRoot()
	var told []string
	everyCommand(t, func(t *testing.T, cmd *cobra.Command) {
		page := string(manual.CommandPage(cmd, time.Unix(0, 0)))
		if !strings.Contains(page, ".SH \"ENVIRONMENT\"\n") {
			return
		}
		told = append(told, cmd.CommandPath())
		if !strings.Contains(page, want[cmd.CommandPath()]) {
			t.Errorf("no %s in\n%s", want[cmd.CommandPath()], page)
		}
	})
	for path := range want {
		find(t, root, strings.Fields(path)[1:]...)
		if !slices.Contains(told, path) {
			t.Errorf("the page of %s tells nothing of its environment", path)
		}
	}
	if len(told) != len(want) {
		t.Errorf("pages with an environment: %q", told)
	}
	line := regexp.MustCompile(`^[A-Z_]+(, [A-Z_]+)*(, \.\.\.)?: [A-Z].*\.$`)
	for _, path := range told {
		for text := range strings.Lines(environment(path)) {
			if !line.MatchString(strings.TrimSuffix(text, "\n")) {
				t.Errorf("%s: %q is no line of names and a sentence", path, text)
			}
		}
	}
}
