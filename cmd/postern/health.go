package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/config"
)

// healthTime is for all daemons together; a container's HEALTHCHECK and a
// script do not wait longer.
const healthTime = 10 * time.Second

func newHealth() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "health [--config FILE]",
		Short: "Tell whether the running daemons can answer Postfix",
		Long: "Tell whether the running daemons can answer Postfix: what /readyz of the metrics listener says, asked on\n" +
			"the control sockets, so it works without a metrics listener, too. One line for each daemon. Exit\n" +
			"status 0: all that run are ready; 1: one is not, and the line says why; 75: none answers.",
		Example: "  postern health\n  postern health --config /etc/postern/postern.yaml",
		Args:    cobra.NoArgs,
	}
	path := configFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := config.Load(*path)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), healthTime)
		defer cancel()
		return health(ctx, cmd.OutOrStdout(), c.Control)
	}
	return cmd
}

// health asks every daemon that has a control socket in dir. One that ended in
// order takes its socket along, so a socket without anybody behind it is a
// daemon that was killed.
func health(ctx context.Context, out io.Writer, dir string) error {
	if dir == "" {
		return badConfig(errors.New("health: the configuration has no control directory: set control, to /run/postern for example"))
	}
	answered, ready := 0, true
	for _, name := range controlSockets(dir) {
		text, err := control(ctx, dir, name, http.MethodGet, "/health", nil)
		if err != nil {
			ready = false
			text = []byte("not ready: " + err.Error())
		}
		if !nobodyThere(err) {
			answered++
		}
		fmt.Fprintf(out, "%s: %s\n", name, strings.TrimSpace(string(text)))
	}
	switch {
	case answered == 0:
		return temporary(fmt.Errorf("health: %w in %s: is it running, and may this user open its socket?", errNoDaemon, dir))
	case !ready:
		return no()
	}
	return nil
}

// nobodyThere reports that nobody listens on a socket, or nobody whom we may ask.
func nobodyThere(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)
}
