package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/doctor"
)

// checkTimeout bounds the doctor: a database and a dozen sockets that hang.
const checkTimeout = 5 * time.Minute

func newCheck() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check [--config FILE] [--postfix DIR] [--opendkim FILE] [--json]",
		Short: "Find what is wired wrong, what it does to mail, and the fix",
		Long: "Find what is wired wrong between Postfix, postern, the database and OpenDKIM. A line for each\n" +
			"finding: severity, place, what it does to mail, the fix, its name in docs/check.md. Nothing is\n" +
			"changed. Exit status 0: nothing, or notes; 1: warnings; 78: errors. Run it as root: sockets are\n" +
			"tried as user postfix, inside the chroot.",
		Example: "  postern check\n  postern check --config ./postern.yaml --postfix ./postfix --json",
		Args:    cobra.NoArgs,
	}
	file := configFlag(cmd)
	var o doctor.Options
	cmd.Flags().StringVar(&o.PostfixDir, "postfix", "", "`folder` of main.cf and master.cf (default postfix.config_directory, else "+doctor.DefaultPostfixDir+")")
	cmd.Flags().StringVar(&o.OpenDKIM, "opendkim", "", "opendkim.conf `file` (default "+doctor.DefaultOpenDKIM+" where a milter signs)")
	asJSON := cmd.Flags().Bool("json", false, "print an array of objects")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		o.ConfigFile = *file
		ctx, cancel := context.WithTimeout(cmd.Context(), checkTimeout)
		defer cancel()
		host, done := doctor.Gather(ctx, o)
		defer done()
		found := doctor.Examine(ctx, host)
		print := doctor.Print
		if *asJSON {
			print = doctor.PrintJSON
		}
		if err := print(cmd.OutOrStdout(), found); err != nil {
			return temporary(fmt.Errorf("check: print: %w", err))
		}
		return checkStatus(doctor.Worst(found))
	}
	return cmd
}

// checkStatus is the exit status of the worst finding.
func checkStatus(worst doctor.Severity) error {
	switch worst {
	case doctor.Error:
		return badConfig(nil)
	case doctor.Warning:
		return no()
	}
	return nil
}
