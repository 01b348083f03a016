package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"postern/internal/config"
	"postern/internal/daemon"
)

// role is which daemons a process runs.
type role struct {
	name    string // of its control socket
	aside   int    // its metrics are so many ports behind metrics.listen
	command bool   // no daemon: a map that cannot be opened answers with the reason
}

// serves reports whether the role runs a daemon.
func (r role) serves(daemon string) bool { return r.name == "serve" || r.name == daemon }

// listeners are the keys of the configuration that give the role work.
func (r role) listeners() string {
	switch r.name {
	case "socketmap":
		return "socketmap.listen"
	case "tcptable":
		return "tcptable"
	case "srsd":
		return "an srsd block with forward and reverse, socketmap or milter"
	case "policyd":
		return "policyd.listen or policyd.from_guard"
	}
	return "socketmap.listen, tcptable, srsd or policyd.listen"
}

func newServe() *cobra.Command {
	return newDaemon(role{name: "serve"}, "Run every daemon that the configuration names, in one process")
}

func newSocketmap() *cobra.Command {
	return newDaemon(role{name: "socketmap", aside: 1}, "Run the socketmap daemon alone")
}

func newTCPTable() *cobra.Command {
	return newDaemon(role{name: "tcptable", aside: 2}, "Run the tcp_table daemon alone")
}

// newDaemon is the command of one role.
func newDaemon(r role, short string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   r.name,
		Short: short,
		Long: short + ".\n\nSIGTERM drains and ends, SIGHUP reads the configuration again; a bad one changes nothing.\n" +
			"It stays in the foreground and logs on stderr.",
		Example: fmt.Sprintf("  postern %s --config /etc/postern/postern.yaml", r.name),
		Args:    cobra.NoArgs,
	}
	path := configFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return runDaemon(cmd.Context(), r, *path, cmd.ErrOrStderr())
	}
	return cmd
}

// runDaemon serves until it is told to stop.
func runDaemon(ctx context.Context, r role, path string, stderr io.Writer) error {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP) // a SIGHUP in the moment of the start would end the process
	defer signal.Stop(signals)
	c, err := config.Load(path)
	if err != nil {
		return err
	}
	var level slog.LevelVar
	level.Set(logLevel(c.Log.Level))
	hide, err := hideAddresses(c.Log)
	if err != nil {
		return badConfig(c.At("log.key_file", err))
	}
	log, err := daemon.NewLogger(stderr, c.Log.Format, &level, hide)
	if err != nil {
		return badConfig(err)
	}
	s, err := newService(ctx, r, path, c, log, &level)
	if err != nil {
		return err
	}
	process := daemon.Process{Log: log, Metrics: s.process, Reload: s.reload, Signals: signals}
	if err := process.Run(ctx, s.run); err != nil {
		return temporary(err)
	}
	return nil
}

// logLevel is the level by its name in the configuration.
func logLevel(name string) slog.Level {
	var level slog.Level
	_ = level.UnmarshalText([]byte(name)) // the configuration was validated
	return level
}

// hideAddresses is what the configuration wants to become of the addresses in
// the log; nil leaves them.
func hideAddresses(c config.Log) (func(line string) string, error) {
	switch c.Addresses {
	case "masked":
		return daemon.MaskAddresses, nil
	case "hashed":
		key, err := c.ReadKey()
		return daemon.HashAddresses(key), err
	}
	return nil, nil
}
