package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/admin"
	"postern/internal/config"
	"postern/internal/store"
)

// What a change of the tables may take: a statement that reads a table of
// millions whole, and all of them together.
const (
	changeStatement = 10 * time.Second
	changeTimeout   = time.Minute
)

// tableDesk is what the commands about tables work with.
type tableDesk struct {
	config   *config.Config
	desk     *admin.Desk
	command  string // "alias add"
	out, err io.Writer
}

// withTables opens the database of a configuration for a command.
func withTables(cmd *cobra.Command, path string, work func(*tableDesk) error) error {
	c, err := config.Load(path)
	if err != nil {
		return err
	}
	s, err := openPatiently(c, path, cmd.ErrOrStderr(), changeStatement)
	if err != nil {
		return err
	}
	defer s.Close()
	return work(&tableDesk{
		config: c, desk: openDesk(c, s), out: cmd.OutOrStdout(), err: cmd.ErrOrStderr(),
		command: strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" "),
	})
}

// openDesk makes the desk of a configuration over its database.
func openDesk(c *config.Config, s *store.Store) *admin.Desk {
	options := admin.Options{
		Hostname: c.Postfix.MyHostname, MyOrigin: c.Postfix.MyOrigin, Operator: c.Operator,
		Reserved: folded(c.ReservedHandles), Allowed: folded(c.HandlesAllowed),
		Delimiter: c.RecipientDelimiter, Propagate: slices.Contains(c.Postfix.Propagate, "virtual"),
	}
	if c.SRSD != nil {
		options.SRSDomain = c.SRSD.Domain
	}
	return admin.New(s, options)
}

// changeCommand makes a command that changes a table, with --config and --json.
func changeCommand(cmd *cobra.Command, work func(ctx context.Context, d *tableDesk, args []string) (admin.Done, error)) *cobra.Command {
	path := configFlag(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print what was done as an object")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withTables(cmd, *path, func(d *tableDesk) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), changeTimeout)
			defer cancel()
			done, err := work(ctx, d, args)
			if err != nil {
				return d.failed(err)
			}
			return d.report(ctx, done, *asJSON)
		})
	}
	return cmd
}

// failed gives an error the status that the shell gets to see.
func (d *tableDesk) failed(err error) error {
	var status *exitError
	switch {
	case errors.As(err, &status):
		return err
	case errors.As(err, new(*admin.Refusal)):
		return &exitError{exitNo, err}
	case errors.As(err, new(*admin.Invalid)):
		return &exitError{exitUsage, err}
	}
	advice := ""
	switch {
	case !store.MissingRight(err):
	case d.config.Database.Driver == "sqlite":
		advice = ": run it as the user that the file belongs to"
	default:
		advice = ": run it with the --config of a user with SELECT, INSERT, UPDATE and DELETE on the tables, or grant them to this one"
	}
	return temporary(fmt.Errorf("%s: %w%s", d.command, err, advice))
}

// report tells the user and the daemons what was done.
func (d *tableDesk) report(ctx context.Context, done admin.Done, asJSON bool) error {
	d.tell(ctx, &done)
	if !asJSON {
		if _, err := fmt.Fprintln(d.out, done.Text); err != nil {
			return temporary(fmt.Errorf("%s: it is done, and could not be printed: %w", d.command, err))
		}
		for _, note := range done.Notes {
			fmt.Fprintf(d.err, "postern: note: %s\n", note)
		}
		return nil
	}
	if done.Notes == nil {
		done.Notes = []string{}
	}
	if err := encodeJSON(d.out, done); err != nil {
		return temporary(fmt.Errorf("%s: it is done, and could not be printed: %w", d.command, err))
	}
	return nil
}

// tell has the daemons of this host read the rows anew, and notes when the
// change is seen.
func (d *tableDesk) tell(ctx context.Context, done *admin.Done) {
	if len(done.Rows) == 0 {
		return
	}
	refresh := time.Duration(d.config.Tables.Refresh)
	told := announceRows(ctx, d.config.Control, done.Rows, func(socket string, err error) {
		done.Notes = append(done.Notes, fmt.Sprintf("%s has not read it yet: %v: it does so within %s", socket, err, refresh))
	})
	if told {
		done.Notes = append(done.Notes, fmt.Sprintf("in force on this host; others see it through the change feed, or within %s", refresh))
	} else {
		done.Notes = append(done.Notes, fmt.Sprintf("no daemon answers in %s: what runs elsewhere sees it through the change feed, or within %s", d.config.Control, refresh))
	}
}
