package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"postern/internal/config"
	"postern/internal/daemon"
	"postern/policyd"
)

func newPolicyRecord() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "record [--config FILE] [--count N] [--hash] OUT",
		Short: "Write the requests that policyd gets, with its answers, to a file",
		Long: "Write the requests that policyd gets, with its answers, to a new file (mode 0600), until Ctrl-C, or N\n" +
			"of them. Several can record at once, and none holds up mail: what one is too slow for is left out,\n" +
			"and the file says so. With --hash addresses, names, logins and the texts of answers are hidden, with\n" +
			"a key that nobody keeps.",
		Example: "  postern policy record requests\n  postern policy record --hash --count 10000 requests",
		Args:    oneFile("OUT", "the file to write"),
	}
	path := configFlag(cmd)
	count := cmd.Flags().Int("count", 0, "stop after `N` requests; 0: go on until Ctrl-C")
	hash := cmd.Flags().Bool("hash", false, "hide addresses, names and logins")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *count < 0 {
			return usage("record: --count %d: write how many requests, or 0 to go on until Ctrl-C", *count)
		}
		c, err := config.Load(*path)
		if err != nil {
			return err
		}
		rec := recording{limit: *count}
		if *hash {
			rec.hide = &policyd.Hide{Key: []byte(rand.Text())}
		}
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		began, err := rec.run(ctx, c.Control, args[0])
		if began {
			fmt.Fprintln(cmd.OutOrStdout(), rec.summary())
		}
		if err != nil {
			return temporary(fmt.Errorf("record: %w", err))
		}
		return nil
	}
	return cmd
}

// oneFile asks for one argument and tells what it is.
func oneFile(name, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch len(args) {
		case 1:
			return nil
		case 0:
			return fmt.Errorf("%s: %s is missing: name %s", cmd.Name(), name, what)
		}
		return fmt.Errorf("%s: %q: name %s alone", cmd.Name(), args, what)
	}
}

// recording writes what a daemon streams.
type recording struct {
	hide    *policyd.Hide
	limit   int
	count   int
	leftOut int
}

// run records until ctx ends or there is enough. It begins when a daemon
// answers and the file is made.
func (r *recording) run(ctx context.Context, dir, path string) (began bool, err error) {
	body, err := listenTo(ctx, dir)
	if err != nil {
		return false, err
	}
	defer body.Close()
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return false, fmt.Errorf("%s is there already: name a new file", path)
	}
	if err != nil {
		return false, err
	}
	return true, errors.Join(r.copy(ctx, body, file), file.Close())
}

// copy writes what comes.
func (r *recording) copy(ctx context.Context, in io.Reader, out io.Writer) error {
	records := policyd.NewRecords(in)
	for r.limit == 0 || r.count < r.limit {
		rec, err := records.Next()
		switch {
		case ctx.Err() != nil:
			return nil
		case err == io.EOF, errors.Is(err, io.ErrUnexpectedEOF):
			return errors.New("the daemon has stopped, or reads another configuration: what was recorded is in the file")
		case err != nil:
			return err
		}
		if r.hide != nil {
			rec = r.hide.Record(rec)
		}
		if _, err := io.WriteString(out, rec.String()); err != nil {
			return err
		}
		r.count++
		r.leftOut += rec.LeftOut
	}
	return nil
}

// summary is what the user reads in the end.
func (r *recording) summary() string {
	text := fmt.Sprintf("%d requests recorded", r.count)
	if r.leftOut > 0 {
		text += fmt.Sprintf(", %d left out: this disk was too slow for them", r.leftOut)
	}
	return text
}

// listenTo is the stream of the daemon that runs the policy.
func listenTo(ctx context.Context, dir string) (io.ReadCloser, error) {
	failed := fmt.Errorf("%w in %s: is it running, and may this user open its socket?", errNoDaemon, dir)
	for _, name := range []string{"policyd", "serve"} {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, daemon.ControlURL+"/policy/record", nil)
		if err != nil {
			return nil, err
		}
		response, err := daemon.ControlClient(dir, name).Do(request)
		if err != nil {
			continue
		}
		if response.StatusCode == http.StatusOK {
			return response.Body, nil
		}
		response.Body.Close()
		failed = fmt.Errorf("%s: %w", name, errNoPolicy)
	}
	return nil, failed
}
