package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"postern/internal/config"
	builtin "postern/internal/maps"
	"postern/internal/password"
	"postern/srsd"
)

// completeOf tells the shell what can stand where, for cmd and all below it.
// Nothing is asked but the configuration, and an error of it is silent: who
// types a line is told when the line is run.
func completeOf(cmd *cobra.Command) {
	if cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = argumentsOf(strings.TrimPrefix(cmd.CommandPath(), "postern "))
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		_ = cmd.RegisterFlagCompletionFunc(f.Name, flagOf(cmd, f)) // fails where it has one
	})
	for _, sub := range cmd.Commands() {
		completeOf(sub)
	}
}

// argumentsOf completes the arguments of the command of that path.
func argumentsOf(path string) cobra.CompletionFunc {
	switch path {
	case "query", "flush":
		return mapNames
	case "accept-snapshot":
		return first("domain", "alias", "alias_handle", "smtp_sender_acl", "api_bans")
	case "policy record", "policy replay":
		return files
	case "manual":
		return folders
	}
	return cobra.NoFileCompletions
}

// flagOf completes the value of a flag, by what stands for it in the help.
func flagOf(cmd *cobra.Command, f *pflag.Flag) cobra.CompletionFunc {
	switch cmd.CommandPath() + " --" + f.Name {
	case "postern ban add --type", "postern ban list --type", "postern ban revoke --type":
		return words("domain", "email", "ip", "name")
	case "postern incident --as":
		return words("login", "alias", "handle", "destination")
	case "postern schema --driver":
		return words("mysql", "sqlite")
	case "postern user add --scheme", "postern user password --scheme":
		return words(password.Schemes()...)
	}
	name, _ := pflag.UnquoteUsage(f)
	switch {
	case f.Name == "config":
		return cobra.FixedCompletions([]cobra.Completion{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt)
	case name == "folder" || name == "directory":
		return folders
	case name == "file" || name == "log":
		return files
	}
	return cobra.NoFileCompletions
}

// mapNames are the maps of the configuration that the line names.
func mapNames(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names := builtin.Names()
	if c, err := config.Load(cmd.Flag("config").Value.String()); err == nil {
		for own := range c.Maps {
			names = append(names, own)
		}
		if c.SRSD != nil {
			names = append(names, srsd.MapNames()...)
		}
	}
	slices.Sort(names)
	return names, cobra.ShellCompDirectiveNoFileComp
}

// words completes one of a few words.
func words(known ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(known, cobra.ShellCompDirectiveNoFileComp)
}

// first is words for the first argument alone.
func first(known ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return known, cobra.ShellCompDirectiveNoFileComp
	}
}

// files leaves the completion to the shell.
func files(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

// folders has the shell complete folders alone.
func folders(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}
