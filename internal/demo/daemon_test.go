package demo

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDeadDaemon: the end of its log is told, and where all of it is.
func TestDeadDaemon(t *testing.T) {
	for _, test := range []struct {
		name, script string
		want         []string
		kept         bool // a file of the log outlives the demo
	}{
		{"a short log", "echo no config >&2; exit 78", []string{"demo: postern ended at once: exit status 78:", "no config"}, false},
		{"without a word", "exit 0", []string{"demo: postern ended at once: exit status 0:", ""}, false},
		{"a long log", "seq 1 500 >&2; exit 1", append([]string{"demo: postern ended at once: exit status 1:"}, numbers(491, 500)...), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "demo")
			binary := filepath.Join(dir, "postern")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(binary, []byte("#!/bin/sh\n"+test.script+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			d := &daemon{stderr: filepath.Join(dir, "postern.log"), metrics: "127.0.0.1:1", died: make(chan error, 1)}
			if err := d.start(binary); err != nil {
				t.Fatal(err)
			}
			want := strings.Join(test.want, "\n")
			if test.kept {
				want += "\nthe whole log: " + dir + ".log"
			}
			if err := d.awaitReady(t.Context()); err == nil || err.Error() != want {
				t.Errorf("got %v\nwant %s", err, want)
			}
			if text, err := os.ReadFile(dir + ".log"); test.kept != (err == nil) || test.kept && !strings.HasPrefix(string(text), "1\n2\n") {
				t.Errorf("the log: %q, %v", text, err)
			}
		})
	}
}

// numbers are the lines from first to last.
func numbers(first, last int) (lines []string) {
	for n := first; n <= last; n++ {
		lines = append(lines, fmt.Sprint(n))
	}
	return lines
}
