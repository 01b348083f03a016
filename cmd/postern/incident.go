package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/admin"
	"postern/internal/config"
	"postern/internal/incident"
	"postern/internal/maillog"
	"postern/internal/store"
)

// settleTime is how long mail that is being accepted may take into the queue:
// the change feed is read each second.
const settleTime = 2 * time.Second

// incidentFlags is the command line.
type incidentFlags struct {
	config, postfix      string
	as, reason, report   string
	logs                 []string
	undo, resume         string
	list, dryRun, asJSON bool
}

func newIncident() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "incident [--config FILE] {NAME | --continue ID | --undo ID | --list}",
		Short: "Stop a login, an alias or a destination everywhere, hold its mail, tell who was reached",
		Long: "Stop a login, an alias, a handle or a destination on every host, by the database: a login and its\n" +
			"senders, an alias or a handle become inactive, a destination is banned. Then hold its mail in the queue\n" +
			"of this host, by queue ID, read the mail log for who was reached, and write a report. On other hosts\n" +
			"the same command holds what is queued there. --undo restores what the incident changed, and no more.\n" +
			"Exit status 0: done; 1: nobody of that name, or not all was restored; 75: the database or the queue\n" +
			"did not take it: the rest is done, --continue tries again.",
		Example: "  postern incident --reason \"password leaked\" alice\n  postern incident --dry-run --json info@example.org\n  postern incident --as destination user@example.net\n  postern incident --undo 20261101T030000Z",
		Args:    cobra.MaximumNArgs(1),
	}
	var f incidentFlags
	cmd.Flags().StringVar(&f.config, "config", config.DefaultFile, "configuration `file`")
	cmd.Flags().StringVar(&f.as, "as", "", "`what` NAME is: login, alias, handle or destination (found out if it is not given)")
	cmd.Flags().StringVar(&f.reason, "reason", "", "`text` that says why, for the report; nobody else sees it")
	cmd.Flags().StringArrayVar(&f.logs, "log", nil, "mail log `file`, gzip too, - for standard input; may be repeated, oldest first (default: Postfix's log and its past)")
	cmd.Flags().StringVar(&f.postfix, "postfix", "", "Postfix's configuration `directory` (default: postfix.config_directory, or Postfix's own)")
	cmd.Flags().StringVar(&f.report, "report", "", "`file` of the report, Markdown, or JSON if it ends in .json (default: state_dir/incidents/ID.md)")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "tell what would be done, and change nothing")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print the report as JSON")
	cmd.Flags().StringVar(&f.resume, "continue", "", "go on with the incident of that `ID`")
	cmd.Flags().StringVar(&f.undo, "undo", "", "take the incident of that `ID` back")
	cmd.Flags().BoolVar(&f.list, "list", false, "list the incidents that were begun on this host")
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if strings.HasSuffix(err.Error(), "--undo") || strings.HasSuffix(err.Error(), "--continue") { // without an ID
			err = fmt.Errorf("%w: '%s --list' shows the IDs", err, cmd.CommandPath())
		}
		return usage("%w: see '%s --help'", err, cmd.CommandPath())
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := f.check(args); err != nil {
			return usage("incident: %w: see '%s --help'", err, cmd.CommandPath())
		}
		return withIncidents(cmd, f, func(ctx context.Context, desk *incident.Desk) error {
			return incidentError(f.run(ctx, cmd.OutOrStdout(), desk, args))
		})
	}
	return cmd
}

// check refuses what cannot be meant.
func (f *incidentFlags) check(args []string) error {
	given := len(args)
	for _, is := range []bool{f.undo != "", f.resume != "", f.list} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		return errors.New("give one of NAME, --continue, --undo and --list")
	case len(args) == 1 && (strings.TrimSpace(args[0]) == "" || len(args[0]) > 320):
		return errors.New("NAME is a login, an address or a handle")
	case len(args) == 0 && (f.as != "" || f.reason != "" || f.report != "" || f.dryRun):
		return errors.New("--as, --reason, --report and --dry-run go with NAME")
	case f.as != "" && !slices.Contains(incident.Kinds(), f.as):
		return fmt.Errorf("--as %.100q: write one of %s", f.as, strings.Join(incident.Kinds(), ", "))
	}
	for _, path := range f.logs {
		if path == "-" || isPipe(path) { // what is read of a pipe is gone
			continue
		}
		file, err := maillog.Open(path, nil)
		if err != nil {
			return err
		}
		file.Close()
	}
	if f.report == "" {
		return nil
	}
	if _, err := os.Lstat(f.report); err == nil {
		return fmt.Errorf("--report %s: it exists: name a new file", f.report)
	}
	path, err := filepath.Abs(f.report) // --continue may run elsewhere
	if err == nil {
		f.report = path
	}
	return err
}

// isPipe tells what can be read once: a named pipe, or one of the shell's.
func isPipe(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&fs.ModeNamedPipe != 0
}

// withIncidents opens what incidents are worked on with.
func withIncidents(cmd *cobra.Command, f incidentFlags, work func(context.Context, *incident.Desk) error) error {
	c, err := config.Load(f.config)
	if err != nil {
		return err
	}
	if c.StateDir == "" {
		return badConfig(fmt.Errorf("%s: incidents are remembered in state_dir: name a folder", f.config))
	}
	s, err := openAdministration(c, f.config, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer s.Close()
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	if f.postfix == "" {
		f.postfix = c.Postfix.ConfigDirectory
	}
	told := &teller{config: c, err: cmd.ErrOrStderr()}
	return work(cmd.Context(), &incident.Desk{
		Store: s, Queue: &incident.Queue{Dir: f.postfix, Run: incident.Programs},
		Dir: filepath.Join(c.StateDir, "incidents"), Host: host, Delimiter: c.RecipientDelimiter,
		SystemLog: "/var/log/mail.log", Stdin: cmd.InOrStdin(), Now: time.Now,
		Tell: told.tell, Settle: settle, Against: againstCircles(openDesk(c, s)),
	})
}

// againstCircles has undo leave a row off that leads in a circle with what was
// added since: no mail would arrive by any of them.
func againstCircles(desk *admin.Desk) func(context.Context, *store.Edit, store.SwitchRow) (string, error) {
	return func(ctx context.Context, e *store.Edit, row store.SwitchRow) (string, error) {
		path, err := desk.Circle(ctx, e, row.Table, store.Entry{Key: row.Key, Value: row.Value})
		if path == "" || err != nil {
			return "", err
		}
		return fmt.Sprintf("it would lead in a circle: %s: change one of them, then 'postern %s enable %s'", path, rowKindOf(row.Table).noun, row.Key), nil
	}
}

// settle waits for what is under way.
func settle(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(settleTime):
	}
}

// run does what the command line says.
func (f incidentFlags) run(ctx context.Context, out io.Writer, desk *incident.Desk, args []string) error {
	switch {
	case f.list:
		return f.printList(out, desk)
	case f.undo != "":
		s, err := desk.Undo(ctx, f.undo)
		if s == nil || errors.Is(err, incident.ErrDone) { // what the first undo restored is not told again
			return err
		}
		return errors.Join(err, f.printUndo(out, s))
	case f.resume != "":
		report, err := desk.Continue(ctx, f.resume, f.logs)
		return f.conclude(out, report, err)
	}
	report, err := desk.Stop(ctx, incident.Request{
		Name: args[0], As: incident.Kind(f.as), Reason: f.reason, Report: f.report, Logs: f.logs, DryRun: f.dryRun,
	})
	return f.conclude(out, report, err)
}

// conclude prints what was begun, whatever went wrong after that.
func (f incidentFlags) conclude(out io.Writer, report *incident.Report, err error) error {
	if report == nil || report.ID == "" && !report.DryRun {
		return err
	}
	if f.asJSON {
		return errors.Join(err, report.JSON(out))
	}
	printIncident(out, report)
	if err != nil && !report.DryRun {
		err = fmt.Errorf("%w\nrun this when that is mended: postern incident --config %s --continue %s", err, f.config, report.ID)
	}
	return err
}

// incidentError picks the exit status.
func incidentError(err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("incident: %w", err)
	if store.MissingRight(err) {
		err = fmt.Errorf("%w: the user of the database block needs UPDATE on smtp_users, smtp_sender_acl, alias and alias_handle, and INSERT and UPDATE on api_bans: grant them, or name a --config of a user that has them", err)
	}
	var ambiguous *incident.AmbiguousError
	switch {
	case errors.As(err, &ambiguous):
		return usage("%w", err)
	case errors.Is(err, incident.ErrNotStopped), errors.Is(err, incident.ErrBusy):
		return temporary(err)
	case errors.Is(err, incident.ErrNobody), errors.Is(err, incident.ErrNone), errors.Is(err, incident.ErrKept), errors.Is(err, incident.ErrDone):
		return &exitError{exitNo, err}
	}
	return temporary(err)
}
