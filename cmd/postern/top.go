package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/gdamore/tcell/v2"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"postern/internal/config"
	"postern/internal/status"
	"postern/internal/top"
)

const (
	topTimeout  = 2 * time.Second        // a daemon that takes longer is shown as one that does not answer
	topShortest = 100 * time.Millisecond // between two questions to a daemon
	topWidth    = 100                    // of a picture for a pipe
)

func newTop() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "top [--config FILE] [--interval TIME] [--once] [--json]",
		Short: "Show what the running daemons are doing, live in a terminal",
		Long: "Show what the running daemons are doing, live in a terminal: which are ready, what they depend on,\n" +
			"lookups by map, cache, tables, databases, the last decisions (addresses masked), SRS,\n" +
			"connections. q quits, ? tells of the other keys. NO_COLOR in the environment is obeyed, and where\n" +
			"the locale is not UTF-8 all is ASCII. Exit status 75: no daemon answers.",
		Example: "  postern top\n  postern top --interval 5s\n  postern top --once\n  postern top --json",
		Args:    cobra.NoArgs,
	}
	path := configFlag(cmd)
	interval := cmd.Flags().Duration("interval", 2*time.Second, "`time` between two questions to a daemon")
	once := cmd.Flags().Bool("once", false, "print one picture and end")
	asJSON := cmd.Flags().Bool("json", false, "print what the daemons answer as an array of objects and end")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *interval < topShortest {
			return usage("top: --interval %v: at least %v", *interval, topShortest)
		}
		dir, err := topDir(*path, cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		t := top.Top{
			Source: controlSource{dir}, Interval: *interval, Timeout: topTimeout,
			Now: time.Now, ASCII: !top.UTF8(os.Getenv),
		}
		switch {
		case *asJSON:
			return topJSON(cmd, t, dir)
		case *once:
			return topOnce(cmd, t, dir)
		}
		return topLive(cmd, t, dir)
	}
	return cmd
}

// topDir is where the daemons have their control sockets. With a configuration
// that is refused those that run are shown, if there are any: they go on with
// the one before.
func topDir(path string, stderr io.Writer) (string, error) {
	c, err := config.Load(path)
	if err == nil {
		return c.Control, nil
	}
	dir := config.ControlOf(path)
	if len(controlSockets(dir)) == 0 {
		return "", err
	}
	fmt.Fprintf(stderr, "postern: note: top: the configuration would be refused: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
	return dir, nil
}

// controlSource asks the control sockets in a directory.
type controlSource struct{ dir string }

func (s controlSource) Daemons() []string { return controlSockets(s.dir) }

func (s controlSource) Ask(ctx context.Context, daemon string) (snapshot status.Snapshot, err error) {
	text, err := control(ctx, s.dir, daemon, http.MethodGet, "/status", nil)
	if err == nil {
		err = json.Unmarshal(text, &snapshot)
	}
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		err = errno // "connection refused" says it all; a line has no room for the way there
	}
	return snapshot, err
}

// topLive shows the daemons until the user has seen enough.
func topLive(cmd *cobra.Command, t top.Top, dir string) error {
	if out, ok := cmd.OutOrStdout().(*os.File); !ok || !term.IsTerminal(int(out.Fd())) {
		return usage("top: standard output is no terminal: use --once for one picture, --json for programs")
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer stop()
	answers := t.Ask(ctx)
	if err := anyDaemon(answers, dir); err != nil {
		return err
	}
	tcell.SetEncodingFallback(tcell.EncodingFallbackUTF8) // where the locale is neither, all is ASCII
	screen, err := tcell.NewTerminfoScreen()
	if err == nil {
		err = t.Run(ctx, screen, answers)
	}
	if err != nil {
		return usage("top: terminal %.100q: %w: use --once for one picture", os.Getenv("TERM"), err)
	}
	return nil
}

// topOnce prints one picture.
func topOnce(cmd *cobra.Command, t top.Top, dir string) error {
	answers := t.Ask(cmd.Context())
	if err := anyDaemon(answers, dir); err != nil {
		return err
	}
	var m top.Model
	for _, a := range answers {
		m.Take(a)
	}
	width := cmp.Or(terminalWidth(cmd.OutOrStdout()), topWidth)
	lines := m.Picture(top.View{Now: t.Now(), ASCII: t.ASCII}, width, 0)
	if _, err := fmt.Fprint(cmd.OutOrStdout(), top.Text(lines)); err != nil {
		return temporary(fmt.Errorf("top: print: %w", err))
	}
	return nil
}

// topJSON prints the snapshots; who does not answer is told of aside.
func topJSON(cmd *cobra.Command, t top.Top, dir string) error {
	answers := t.Ask(cmd.Context())
	if err := anyDaemon(answers, dir); err != nil {
		return err
	}
	snapshots := []status.Snapshot{}
	for _, a := range answers {
		if a.Err != nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "postern: note: top: %s: %s\n", a.Daemon, printableText(a.Err.Error()))
			continue
		}
		snapshots = append(snapshots, a.Snapshot)
	}
	if err := encodeJSON(cmd.OutOrStdout(), snapshots); err != nil {
		return temporary(fmt.Errorf("top: print: %w", err))
	}
	return nil
}

// anyDaemon fails when none has answered.
func anyDaemon(answers []top.Answer, dir string) error {
	why := ""
	for _, a := range answers {
		if a.Err == nil {
			return nil
		}
		why += fmt.Sprintf("%s: %s: ", a.Daemon, printableText(a.Err.Error()))
	}
	return temporary(fmt.Errorf("top: %s%w in %s: is one running (systemctl status postern), and may this user open its socket?", why, errNoDaemon, dir))
}
