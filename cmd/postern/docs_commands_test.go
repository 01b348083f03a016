package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// dryRun says what is wrong with a command line of postern before anything of
// it would run: the command, its flags and their values, the number of arguments.
func dryRun(args []string) error {
	cmd, rest, err := findCommand(args)
	if err != nil {
		return err
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return fmt.Errorf("%s: %w", cmd.CommandPath(), err)
	}
	if err := cmd.ValidateRequiredFlags(); err != nil {
		return fmt.Errorf("%s: %w", cmd.CommandPath(), err)
	}
	if err := cmd.ValidateFlagGroups(); err != nil {
		return fmt.Errorf("%s: %w", cmd.CommandPath(), err)
	}
	if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
		return fmt.Errorf("%s: %w", cmd.CommandPath(), err)
	}
	return nil
}

// findCommand is the command of a line, and what follows it.
func findCommand(args []string) (*cobra.Command, []string, error) {
	top := newRoot()
	top.InitDefaultHelpCmd()
	cmd, rest, err := top.Find(args)
	if err != nil {
		return nil, nil, err
	}
	cmd.InitDefaultHelpFlag()
	// A group takes no arguments: its first one is a command that there is not.
	if cmd.HasSubCommands() && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") && cmd.ValidateArgs(rest) != nil {
		return nil, nil, fmt.Errorf("%s has no command %q", cmd.CommandPath(), rest[0])
	}
	return cmd, rest, nil
}

// dryMention is dryRun for a command that a text mentions, which may be cut
// short: without its arguments, and without the value of its last flag.
func dryMention(args []string) error {
	cmd, rest, err := findCommand(args)
	if err != nil {
		return err
	}
	err = cmd.ParseFlags(rest)
	if err != nil && strings.HasPrefix(err.Error(), "flag needs an argument") {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", cmd.CommandPath(), err)
	}
	if given := cmd.Flags().Args(); len(given) > 0 {
		return cmd.ValidateArgs(given)
	}
	return nil
}

// TestMentions: each `postern …` and `make …` in the prose of a document is
// something that there is.
func TestMentions(t *testing.T) {
	n := 0
	for _, d := range documents(t) {
		for _, span := range codeSpans(d.prose) {
			line := strings.Fields(strings.NewReplacer("…", "", "...", "", "[", "", "]", "").Replace(span))
			var err error
			switch {
			case len(line) > 1 && line[0] == "postern":
				n++
				err = everyForm(line[1:])
			case len(line) > 1 && line[0] == "make":
				err = checkMake(line[1:])
			case len(line) > 1 && (line[0] == "systemctl" || line[0] == "journalctl"):
				err = checkUnits(line[1:])
			}
			if err != nil {
				t.Errorf("%s: `%s`: %v", d.path, span, err)
			}
		}
	}
	if n < 50 {
		t.Errorf("only %d commands found", n)
	}
}

// everyForm tries a mention in all the forms that "a|b" stands for.
func everyForm(args []string) error {
	for i, word := range args {
		if words := strings.Split(word, "|"); len(words) > 1 {
			var all error
			for _, w := range words {
				all = errors.Join(all, everyForm(slices.Concat(args[:i], []string{w}, args[i+1:])))
			}
			return all
		}
	}
	return dryMention(args)
}

// TestHelpExamples: the examples that the commands themselves show are right.
func TestHelpExamples(t *testing.T) {
	n := 0
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, c := range shellCommands(cmd.Example) {
			if c[0] != "postern" {
				continue
			}
			n++
			if err := dryRun(c[1:]); err != nil {
				t.Errorf("example of %s: %q: %v", cmd.CommandPath(), c, err)
			}
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRoot())
	if n < 40 {
		t.Errorf("only %d examples found", n)
	}
}

// TestDryRun: what is wrong is said to be wrong.
func TestDryRun(t *testing.T) {
	for line, want := range map[string]string{
		"query virtual info@example.org":                 "",
		"query --explain virtual info@example.org":       "",
		"query virtual":                                  "needs MAP and KEY",
		"query --explian virtual info@example.org":       "unknown flag",
		"qeury virtual info@example.org":                 `no command "qeury"`,
		"ban ad example.com":                             `no command "ad"`,
		"ban add --for 7d --reason x example.com":        "",
		"policy policy_context=gate sender=a@banned.org": "",
	} {
		err := dryRun(strings.Fields(line))
		if (err == nil) != (want == "") || err != nil && !regexp.MustCompile(regexp.QuoteMeta(want)).MatchString(err.Error()) {
			t.Errorf("postern %s: %v, want %q", line, err, want)
		}
	}
	if err := dryMention([]string{"user", "add"}); err != nil {
		t.Errorf("a command without its arguments: %v", err)
	}
	if err := dryMention([]string{"incident", "--continue"}); err != nil {
		t.Errorf("a flag without its value: %v", err)
	}
	if everyForm([]string{"domain|alais", "list"}) == nil {
		t.Error("one of two forms is wrong, and nobody says so")
	}
}
