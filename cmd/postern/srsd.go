package main

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"postern/srsd/postsrsd"
)

// newSRSD is the SRS daemon alone: with our configuration, or in the place of
// PostSRSd with one of its own.
func newSRSD() *cobra.Command {
	cmd := newDaemon(role{name: "srsd", aside: 4}, "Run the SRS daemon alone")
	cmd.Use = "srsd [--config FILE | -C postsrsd.conf | --defaults /etc/default/postsrsd]"
	cmd.Long += "\n\nWith -C or --defaults it stands in for PostSRSd 2.x or 1.x and reads the configuration of that;\n" +
		"--defaults with an empty name takes the environment alone. A parent process keeps privileges, files\n" +
		"and listeners, and starts a worker for each load, as the user and in the folder that are configured."
	cmd.Example += "\n  postern srsd -C /etc/postsrsd.conf\n  postern srsd --defaults /etc/default/postsrsd"
	cmd.Version = version // -v, as PostSRSd 2.x has it
	cmd.SetVersionTemplate("{{.Version}}\n")
	file, worker := postsrsdFlags(cmd)
	native := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		flags := cmd.Flags()
		given := 0
		for _, name := range []string{"config", "conf", "defaults"} {
			if flags.Changed(name) {
				given++
			}
		}
		switch {
		case *worker:
			return runPostSRSdWorker(cmd.Context(), cmd.ErrOrStderr(), slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil)))
		case given > 1:
			return usage("%w: see '%s --help'", errOneOf, cmd.CommandPath())
		case misplaced(cmd) != nil:
			return usage("%w: see '%s --help'", misplaced(cmd), cmd.CommandPath())
		case flags.Changed("conf"), flags.Changed("defaults"):
			return runPostSRSd(cmd.Context(), file(), cmd.ErrOrStderr())
		}
		return native(cmd, args)
	}
	return cmd
}

// misplaced finds a flag that means nothing for the configuration that is read.
func misplaced(cmd *cobra.Command) error {
	flags := cmd.Flags()
	for _, name := range []string{"chroot-dir", "daemonize", "pid-file", "unprivileged-user"} {
		if flags.Changed(name) && !flags.Changed("conf") {
			return fmt.Errorf("-%s (--%s) goes with -C alone", flags.Lookup(name).Shorthand, name)
		}
	}
	if flags.Changed("metrics") && !flags.Changed("conf") && !flags.Changed("defaults") {
		return errors.New("--metrics goes with -C or --defaults: postern.yaml has metrics.listen")
	}
	return nil
}

// postsrsdFlags adds the flags that PostSRSd 2.x has, and ours.
func postsrsdFlags(cmd *cobra.Command) (file func() postsrsdFile, worker *bool) {
	flags := cmd.Flags()
	conf := flags.StringP("conf", "C", postsrsd.DefaultConf, "configuration `file` of PostSRSd 2.x")
	defaults := flags.String("defaults", "", "configuration `file` of PostSRSd 1.x")
	chroot := flags.StringP("chroot-dir", "c", "", "with -C: the `folder` chroot-dir, whatever the file says")
	pid := flags.StringP("pid-file", "p", "", "with -C: the `file` pid-file, whatever the configuration says")
	user := flags.StringP("unprivileged-user", "u", "", "with -C: the `user` unprivileged-user, whatever the file says")
	background := flags.BoolP("daemonize", "D", false, "with -C: go to the background")
	metrics := flags.String("metrics", "inet:127.0.0.1:9729", "with -C or --defaults: `where` metrics are served; off: nowhere")
	worker = flags.Bool("worker", false, "serve what a parent hands over")
	_ = flags.MarkHidden("worker") // it is there
	return func() postsrsdFile {
		f := postsrsdFile{metrics: *metrics, overrides: postsrsd.Overrides{Daemonize: *background}}
		if flags.Changed("conf") {
			f.conf = *conf
		} else {
			f.defaults = *defaults
		}
		for name, o := range map[string]struct{ from, to **string }{
			"chroot-dir": {&chroot, &f.overrides.ChrootDir}, "pid-file": {&pid, &f.overrides.PIDFile}, "unprivileged-user": {&user, &f.overrides.UnprivilegedUser},
		} {
			if flags.Changed(name) {
				*o.to = *o.from
			}
		}
		return f
	}, worker
}
