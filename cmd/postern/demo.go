package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"postern/internal/demo"
)

func newDemo() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Bring up a whole forwarding host in a scratch folder and send a mail through it",
		Long: "Bring up a whole forwarding host in a scratch folder, on free loopback ports: a stock Postfix\n" +
			"wired to postern, a SQLite store with sample rows, a sink as the outside world. A mail goes\n" +
			"through and leaves with an SRS sender, a bounce to that comes home, a forged one is refused;\n" +
			"then the host stays up until Ctrl-C. Missing Debian packages are installed (as root).",
		Example: "  postern demo\n  postern demo --once",
		Args:    cobra.NoArgs,
	}
	once := cmd.Flags().Bool("once", false, "end then; exit status 0 if the mail arrived, rewritten, and its bounce came home")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		binary, err := os.Executable()
		if err != nil {
			return temporary(err)
		}
		ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP) // the last: a closed terminal
		defer stop()
		return demo.Run(ctx, demo.Options{Out: cmd.OutOrStdout(), Binary: binary, Once: *once})
	}
	return cmd
}
