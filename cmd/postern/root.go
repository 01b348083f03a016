package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"postern/internal/config"
)

// run executes one command line and returns its exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if text := errorText(err); text != "" {
		fmt.Fprintf(stderr, "postern: %s\n", text)
	}
	return exitStatus(err)
}

// errorText is what the user reads: one line for each complaint.
func errorText(err error) string {
	if err == nil {
		return ""
	}
	return strings.ReplaceAll(err.Error(), "\n", "\npostern: ")
}

// newRoot is the whole command tree.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "postern",
		Short:         "Lookup tables, SRS and policy for a stock Postfix forwarding host",
		Long:          "postern answers what a stock Postfix forwarding host asks: lookup tables over socketmap\nand tcp_table, from MariaDB, MySQL, SQLite or files; SRS: senders that are rewritten\non the way out, and bounces that come back for them; and policy: rate limits, bans, SPF, greylisting.",
		Example:       "  postern serve --config /etc/postern/postern.yaml\n  postern query --explain virtual info@example.org",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("%w: see '%s --help'", err, cmd.CommandPath())
	})
	root.AddCommand(
		newServe(), newSocketmap(), newTCPTable(), newSRSD(), newPolicyd(),
		newQuery(), newPolicyCommand(), newSRSCommand(), newFlush(), newAcceptSnapshot(), newBan(), newCheck(), newMigrate(), newIncident(), newTwin(), newTop(),
		newDomain(), newAlias(), newHandle(), newSender(), newUser(), newDKIM(),
		newSchema(), newDemo(), newHealth(), newManual(), newVersion(),
	)
	usageOf(root)
	completeOf(root)
	environmentOf(root)
	return root
}

// configFlag adds --config to cmd.
func configFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("config", config.DefaultFile, "configuration `file`")
}
