package main

import (
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"postern/internal/nearest"
)

// usageOf does what usageArgs does, for cmd and all below it.
func usageOf(cmd *cobra.Command) {
	cmd.Args = usageArgs(cmd.Args)
	for _, sub := range cmd.Commands() {
		usageOf(sub)
	}
}

// usageArgs gives wrong arguments the exit status of a usage error, and words
// that name what is missing. It repeats no argument but the name of a command:
// one too many may be a password.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if check == nil {
			return nil
		}
		err := check(cmd, args)
		switch {
		case err == nil:
			return nil
		case cmd.HasSubCommands() && len(args) > 0:
			return unknownCommand(cmd, args[0])
		case strings.Contains(err.Error(), "arg(s)"), strings.HasPrefix(err.Error(), "unknown command"): // cobra's words
			return wrongCount(cmd, len(args), check(cmd, []string{"one"}) != nil && check(cmd, nil) == nil)
		}
		return usage("%w: see '%s --help'", err, cmd.CommandPath())
	}
}

// unknownCommand names the command that was meant.
func unknownCommand(cmd *cobra.Command, word string) error {
	var known []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			known = append(known, sub.Name())
		}
	}
	if near := nearest.Word(word, known); near != "" {
		return usage("unknown command %.100q for %q: did you mean %q?", word, cmd.CommandPath(), near)
	}
	return usage("unknown command %.100q for %q: see '%s --help'", word, cmd.CommandPath(), cmd.CommandPath())
}

// wrongCount says which arguments a command has.
func wrongCount(cmd *cobra.Command, given int, none bool) error {
	name := strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
	needed, all := arguments(cmd.Use)
	switch {
	case none:
		return usage("%s takes no arguments: see '%s --help'", name, cmd.CommandPath())
	case given < needed:
		return usage("%s needs %s: see '%s --help'", name, all, cmd.CommandPath())
	}
	return usage("%s takes %s and no more, but %d arguments are given: see '%s --help'", name, all, given, cmd.CommandPath())
}

// optionGroup is an option in the first line of a help text.
var optionGroup = regexp.MustCompile(`\[-[^]]*\]`)

// arguments are those of a command whose first line of help is use, and how many
// of them must be given.
func arguments(use string) (needed int, all string) {
	_, use, _ = strings.Cut(optionGroup.ReplaceAllString(use, ""), " ")
	words := strings.Fields(use)
	if strings.HasPrefix(use, "{") || strings.Contains(use, "--") { // alternatives
		return 1, strings.Join(words, " ")
	}
	for _, word := range words {
		if !strings.HasPrefix(word, "[") {
			needed++
		}
	}
	if needed < len(words) {
		return needed, strings.Join(words, " ")
	}
	return needed, strings.Join(words, " and ")
}
