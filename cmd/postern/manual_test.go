package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"postern/internal/manual"
)

// everyCommand calls test for each command that users see, and for manual.
func everyCommand(t *testing.T, test func(t *testing.T, cmd *cobra.Command)) {
	root := newRoot()
	for _, cmd := range append(manual.Commands(root), find(t, root, "manual")) {
		t.Run(cmd.CommandPath(), func(t *testing.T) { test(t, cmd) })
	}
}

func find(t *testing.T, root *cobra.Command, words ...string) *cobra.Command {
	t.Helper()
	cmd, _, err := root.Find(words)
	if err != nil {
		t.Fatal(err)
	}
	return cmd
}

// TestHelp: every command says in a line and in a paragraph what it does, has
// an example, and a word for what each flag takes.
func TestHelp(t *testing.T) {
	everyCommand(t, func(t *testing.T, cmd *cobra.Command) {
		if cmd.Short == "" || len(cmd.Short) > 100 || strings.HasSuffix(cmd.Short, ".") || strings.Contains(cmd.Short, "\n") {
			t.Errorf("short: %q is not one line without a dot", cmd.Short)
		}
		if !strings.HasSuffix(strings.TrimSpace(cmd.Long), ".") {
			t.Errorf("long: %q is no sentence", cmd.Long)
		}
		for line := range strings.Lines(cmd.Long) {
			if len(line) > 125 {
				t.Errorf("long: a line of %d characters: %s", len(line), line)
			}
		}
		if cmd.Example == "" {
			t.Error("it has no example")
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			name, usage := pflag.UnquoteUsage(f)
			if kind := f.Value.Type(); kind != "bool" && (name == kind || name == "string" || name == "strings" || name == "") {
				t.Errorf("--%s: write what it takes in backquotes, %q is none", f.Name, name)
			}
			if usage == "" {
				t.Errorf("--%s says nothing", f.Name)
			}
		})
	})
}

// TestExamples: what stands in examples and in lines of usage is accepted by
// the command as its arguments.
func TestExamples(t *testing.T) {
	everyCommand(t, func(t *testing.T, cmd *cobra.Command) {
		for line := range strings.Lines(cmd.Example) {
			words := commandLine(line)
			if len(words) == 0 {
				t.Errorf("%q calls no postern", line)
				continue
			}
			root := newRoot()
			called, rest, err := root.Find(words[1:])
			if err == nil {
				err = called.ParseFlags(rest)
			}
			if err == nil {
				err = called.ValidateArgs(called.Flags().Args())
			}
			if err != nil {
				t.Errorf("%q: %v", strings.TrimSpace(line), err)
				continue
			}
			if called.CommandPath() != cmd.CommandPath() && called.Parent() != nil && !strings.HasPrefix(called.CommandPath(), cmd.CommandPath()) {
				t.Errorf("%q calls %s", strings.TrimSpace(line), called.CommandPath())
			}
		}
	})
}

// commandLine is the part of a shell line that calls postern, as words.
func commandLine(line string) []string {
	for part := range strings.SplitSeq(line, "|") {
		part, _, _ = strings.Cut(part, " < ")
		var words []string
		for i, quoted := range strings.FieldsFunc(part, func(r rune) bool { return r == '"' || r == '\'' }) {
			if i%2 == 1 {
				words = append(words, quoted)
				continue
			}
			words = append(words, strings.Fields(quoted)...)
		}
		for i, word := range words {
			if word == "postern" && (i == 0 || strings.Contains(words[0], "=")) {
				return words[i:]
			}
		}
	}
	return nil
}

// TestManual: a page for every command, completions for three shells, and the
// same bytes in each run.
func TestManual(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	first, second := t.TempDir(), t.TempDir()
	for _, dir := range []string{first, second} {
		var stderr bytes.Buffer
		if status := run(context.Background(), []string{"manual", dir}, nil, &stderr, &stderr); status != 0 {
			t.Fatalf("exit status %d: %s", status, &stderr)
		}
	}
	names := []string{"completions/_postern", "completions/postern.bash", "completions/postern.fish"}
	for _, cmd := range manual.Commands(newRoot()) {
		names = append(names, "man/"+strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".8")
	}
	for _, name := range names {
		one, err := os.ReadFile(filepath.Join(first, name))
		if err != nil {
			t.Fatal(err)
		}
		two, err := os.ReadFile(filepath.Join(second, name))
		if err != nil || !bytes.Equal(one, two) || len(one) < 200 {
			t.Errorf("%s: %d bytes and %d bytes, %v", name, len(one), len(two), err)
		}
	}
	written, err := filepath.Glob(first + "/*/*")
	if err != nil || len(written) != len(names) {
		t.Errorf("%d files were written, want %d: %v", len(written), len(names), err)
	}
}

func TestManualRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, epoch, dir string
		status           int
	}{
		{"a date that is none", "soon", t.TempDir(), exitUsage},
		{"a file in the place of the folder", "1", file, exitTemp},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("SOURCE_DATE_EPOCH", c.epoch)
			var out bytes.Buffer
			if got := run(context.Background(), []string{"manual", c.dir}, nil, &out, &out); got != c.status || out.Len() == 0 {
				t.Errorf("exit status %d, %s", got, &out)
			}
		})
	}
}
