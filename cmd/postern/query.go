package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"postern/internal/config"
	"postern/internal/lookup"
	"postern/internal/nearest"
)

// queryTimeout bounds one question of the command line.
const queryTimeout = 30 * time.Second

func newQuery() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "query [--config FILE] [--explain] MAP KEY",
		Short: "Answer one key as Postfix would get it",
		Long: "Answer one key as Postfix would get it. Exit status 0: found; 1: not found; 75: trouble.\n" +
			"The maps are opened anew. With --explain a running daemon is asked, if one answers on its\n" +
			"control socket, so that its memory and cache show, while the database is away, too; every key\n" +
			"form that is tried is printed.",
		Example: "  postern query virtual info@example.org\n  postern query --explain everyone info+news@example.org",
		Args:    cobra.ExactArgs(2),
	}
	cmd.Flags().SetInterspersed(false) // a key may begin with a hyphen
	path := configFlag(cmd)
	explained := cmd.Flags().Bool("explain", false, "print each key tried, where it was looked up, rows and time")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, cancel := context.WithTimeout(cmd.Context(), queryTimeout)
		defer cancel()
		return printed("query", cmd.OutOrStdout(), func(out io.Writer) error {
			return query(ctx, out, *path, *explained, args[0], args[1])
		})
	}
	return cmd
}

// query answers one question on out.
func query(ctx context.Context, out io.Writer, path string, explained bool, name, key string) error {
	c, err := config.Load(path)
	if err != nil {
		return err
	}
	if explained {
		if e, daemon, err := askDaemons(ctx, c.Control, name, key); err == nil {
			fmt.Fprintf(out, "asked the running daemon %s\n", daemon)
			return conclude(out, e, true)
		}
	}
	e, err := queryAlone(ctx, c, name, key)
	if err != nil {
		return err
	}
	if !explained && e.Error != "" && len(controlSockets(c.Control)) > 0 {
		e.Error += ": --explain asks the running daemon"
	}
	if explained {
		fmt.Fprintf(out, "no daemon answers in %s: opened the maps anew\n", c.Control)
	}
	return conclude(out, e, explained)
}

// queryAlone opens the maps as a daemon would, and asks.
func queryAlone(ctx context.Context, c *config.Config, name, key string) (explanation, error) {
	c.StateDir = "" // the daemon's disk copies are its own
	w, err := newWorks(role{name: "serve", command: true}, c, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	if err != nil {
		return explanation{}, err
	}
	defer w.pools.Close()
	a, err := assemble(ctx, c, w, nil)
	if err != nil {
		return explanation{}, err
	}
	defer a.retire(nil)
	m, known := a.set[name]
	if !known {
		return explanation{}, unknownMap(name, a.set)
	}
	return explain(ctx, name, m, key), nil
}

func unknownMap(name string, set lookup.Set) error {
	names := make([]string, 0, len(set))
	for known := range set {
		names = append(names, known)
	}
	slices.Sort(names)
	if near := nearest.Word(name, names); near != "" {
		return usage("no map %.100q: did you mean %q?", name, near)
	}
	return usage("no map %.100q: known are %s", name, strings.Join(names, ", "))
}

// conclude prints the answer and picks the exit status.
func conclude(out io.Writer, e explanation, explained bool) error {
	switch {
	case explained:
		e.print(out)
	case e.Found:
		fmt.Fprintln(out, e.Value)
	}
	switch {
	case e.Error != "" && !explained:
		return temporary(errors.New(e.Error))
	case e.Error != "":
		return &exitError{status: exitTemp}
	case !e.Found:
		return no()
	}
	return nil
}
