package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
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
			"of them. With --hash addresses, names and logins are replaced, with a key that nobody keeps.",
		Example: "  postern policy record --count 10000 requests",
		Args:    cobra.ExactArgs(1),
	}
	path := configFlag(cmd)
	count := cmd.Flags().Int("count", 0, "stop after `N` requests; 0: go on until Ctrl-C")
	hash := cmd.Flags().Bool("hash", false, "replace addresses, names and logins")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := config.Load(*path)
		if err != nil {
			return err
		}
		file, err := os.OpenFile(args[0], os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return temporary(fmt.Errorf("record: %w", err))
		}
		rec := recording{out: file, limit: *count}
		if *hash {
			rec.hide = &policyd.Hide{Key: []byte(rand.Text())}
		}
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		err = errors.Join(rec.run(ctx, c.Control), file.Close())
		fmt.Fprintf(cmd.OutOrStdout(), "%d requests recorded\n", rec.count)
		return err
	}
	return cmd
}

// recording writes what a daemon streams.
type recording struct {
	out   io.Writer
	hide  *policyd.Hide
	limit int
	count int
}

// run records until ctx ends or there is enough.
func (r *recording) run(ctx context.Context, dir string) error {
	body, err := listenTo(ctx, dir)
	if err != nil {
		return temporary(fmt.Errorf("record: %w", err))
	}
	defer body.Close()
	records := policyd.NewRecords(body)
	for r.limit == 0 || r.count < r.limit {
		rec, err := records.Next()
		switch {
		case ctx.Err() != nil:
			return nil
		case err == io.EOF:
			return temporary(errors.New("record: the daemon has stopped"))
		case err != nil:
			return temporary(fmt.Errorf("record: %w", err))
		}
		if r.hide != nil {
			rec.Attributes = r.hide.Attributes(rec.Attributes)
		}
		if _, err := io.WriteString(r.out, rec.String()); err != nil {
			return temporary(fmt.Errorf("record: %w", err))
		}
		r.count++
	}
	return nil
}

// listenTo is the stream of the daemon that runs the policy.
func listenTo(ctx context.Context, dir string) (io.ReadCloser, error) {
	failed := fmt.Errorf("%w in %s", errNoDaemon, dir)
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
