package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"postern/internal/config"
	"postern/internal/daemon"
)

// maxReply bounds what a control socket may answer, in bytes.
const maxReply = 16 << 20

// errNoDaemon is what a command gets that only a running daemon can obey.
var errNoDaemon = errors.New("no daemon answers on a control socket")

// askDaemons has a running daemon that knows the map explain the answer.
func askDaemons(ctx context.Context, dir, name, key string) (explanation, string, error) {
	values := url.Values{"map": {name}, "key": {key}}
	for _, socket := range controlSockets(dir) {
		text, err := control(ctx, dir, socket, http.MethodGet, "/explain", values)
		if err != nil {
			continue
		}
		var e explanation
		if err := json.Unmarshal(text, &e); err == nil {
			return e, socket, nil
		}
	}
	return explanation{}, "", errNoDaemon
}

// tellDaemons has every running daemon do something, and prints what each says.
func tellDaemons(ctx context.Context, out io.Writer, dir, path string, values url.Values) error {
	var refused []error
	done := false
	for _, socket := range controlSockets(dir) {
		text, err := control(ctx, dir, socket, http.MethodPost, path, values)
		if err != nil {
			refused = append(refused, fmt.Errorf("%s: %w", socket, err))
			continue
		}
		done = true
		fmt.Fprintf(out, "%s: %s", socket, text)
	}
	switch {
	case done:
		return nil
	case len(refused) > 0:
		return &exitError{exitNo, errors.Join(refused...)}
	}
	return temporary(fmt.Errorf("%w in %s: is it running, and may this user open its socket?", errNoDaemon, dir))
}

// control asks one control socket.
func control(ctx context.Context, dir, name, method, path string, values url.Values) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://postern"+path+"?"+values.Encode(), nil)
	if err != nil {
		return nil, err
	}
	client := daemon.ControlClient(dir, name)
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxReply))
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(strings.TrimSpace(string(text)))
	}
	return text, err
}

func newFlush() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "flush [--config FILE] MAP [KEY]",
		Short: "Have the running daemon read a map, or one key of it, anew",
		Long: "Have the running daemon read a map, or one key of it, anew. What is held goes on being\n" +
			"answered until the database has answered, and while it is away.",
		Example: "  postern flush virtual new@example.org\n  postern flush legacy-aliases",
		Args:    cobra.RangeArgs(1, 2),
	}
	cmd.Flags().SetInterspersed(false)
	path := configFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := config.Load(*path)
		if err != nil {
			return err
		}
		values := url.Values{"map": args[:1]}
		if len(args) == 2 {
			values.Set("key", args[1])
		}
		return tellDaemons(cmd.Context(), cmd.OutOrStdout(), c.Control, "/flush", values)
	}
	return cmd
}

func newAcceptSnapshot() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "accept-snapshot [--config FILE] [TABLE]",
		Short: "Let a reload pass that the shrink guard holds back",
		Long: "Let a reload pass that the shrink guard holds back: one that loses more rows of a table\n" +
			"than tables.shrink_guard allows. Without TABLE all that are held back pass.",
		Example: "  postern accept-snapshot alias",
		Args:    cobra.MaximumNArgs(1),
	}
	path := configFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := config.Load(*path)
		if err != nil {
			return err
		}
		values := url.Values{}
		if len(args) == 1 {
			values.Set("table", args[0])
		}
		return tellDaemons(cmd.Context(), cmd.OutOrStdout(), c.Control, "/accept", values)
	}
	return cmd
}
