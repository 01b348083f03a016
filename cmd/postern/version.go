package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

// Set by the linker (-X main.version=… -X main.commit=…).
var (
	version = "devel"
	commit  = "unknown"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print version, commit and Go version",
		Long:    "Print the version of postern, the commit that it was built from, and the version of Go.",
		Example: "  postern version",
		Args:    cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprintf(cmd.OutOrStdout(), "postern %s (commit %s, %s)\n", version, commit, runtime.Version())
		},
	}
}
