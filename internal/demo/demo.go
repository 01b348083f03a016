// Package demo is `postern demo`: a whole forwarding host in a scratch folder.
//
// # What it starts
//
// A SQLite store with sample rows, postern, a private stock Postfix whose
// every lookup postern answers over socketmap, and a sink as the outside
// world. All of it listens on free loopback ports. One mail goes through and
// leaves with an SRS sender; a bounce to that sender comes home, and one to a
// forged address is refused. So is mail of a banned domain, and a sender who writes too
// much is told when to come again. Then the commands to try are printed, and the
// host stays up until it is stopped.
//
// # What it leaves behind
//
// The Debian packages that it says it installs, and nothing else; if postern ends
// by itself, its log, when that is long, in a file that is named. It starts,
// stops and configures no service of the system. Where the installation of
// Postfix would remove another mail server it stops and says so.
//
// # Without root
//
// Postfix starts as root only. Without, the demo says so and shows the
// lookups alone.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"postern/internal/debian"
	"postern/internal/scratch"
)

// Options say how the demo runs.
type Options struct {
	Out    io.Writer
	Binary string // postern itself
	Once   bool   // end when the mail has arrived and its bounce has come home
}

// host is what the demo has started.
type host struct {
	Options
	dir     string
	postfix *scratch.Postfix
	sink    *scratch.Sink
	daemon  *daemon
}

// Run plays the demo until ctx ends, or until the mail has arrived.
func Run(ctx context.Context, o Options) (err error) {
	dir, err := os.MkdirTemp("", "postern-demo-")
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	h := &host{Options: o, dir: dir}
	defer func() { err = errors.Join(err, h.stop()) }()
	if err := os.Chmod(dir, 0o755); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if os.Geteuid() != 0 {
		return h.withoutPostfix(ctx)
	}
	return h.withPostfix(ctx)
}

// withPostfix is the whole demo.
func (h *host) withPostfix(ctx context.Context) error {
	if err := debian.Install(ctx, h.Out, "postfix"); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	var err error
	if h.sink, err = scratch.StartSink(ctx, scratch.SinkOptions{}); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if h.postfix, err = scratch.StartPostfix(ctx, scratch.PostfixOptions{Main: mainCF(h.sink.Nexthop())}); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if h.daemon, err = startDaemon(ctx, h.Binary, h.dir, h.postfix.QueueDir()); err != nil {
		return err
	}
	fmt.Fprintf(h.Out, "A stock Postfix listens on %s; postern answers every lookup and policy request of it.\n\n", h.postfix.Addr())
	rewritten, err := h.playMails(ctx)
	if err != nil {
		return err
	}
	if !h.Once { // or they would ask what is gone
		h.printCommands(rewritten)
	}
	return h.wait(ctx)
}

// withoutPostfix shows the lookups alone.
func (h *host) withoutPostfix(ctx context.Context) error {
	var err error
	if h.daemon, err = startDaemon(ctx, h.Binary, h.dir, h.dir); err != nil {
		return err
	}
	fmt.Fprintln(h.Out, "Postfix starts as root only, and this is not root: the lookups alone are up.")
	fmt.Fprintln(h.Out, "Run the demo as root (sudo) to see a mail go through.")
	rewritten, err := h.daemon.rewrite(ctx, sender)
	if err != nil {
		return err
	}
	h.printCommands(rewritten)
	if h.Once {
		return errors.New("demo: no mail was sent: run it as root")
	}
	return h.wait(ctx)
}

// printCommands shows what to try; rewritten is an SRS sender.
func (h *host) printCommands(rewritten string) {
	d := h.daemon
	try := func(format string, args ...any) { fmt.Fprintf(h.Out, "  "+format+"\n", args...) }
	fmt.Fprintln(h.Out, "Try:")
	if h.postfix != nil {
		try("postmap -c %s -q info@forward.example socketmap:inet:%s:virtual", h.postfix.ConfigDir(), d.socketmap)
		try("postmap -c %s -q alice@forward.example tcp:%s", h.postfix.ConfigDir(), d.tcptable)
		try("postmap -c %s -q %s socketmap:inet:%s:srs-forward", h.postfix.ConfigDir(), sender, d.socketmap)
	}
	try("%s query --config %s --explain virtual info+demo@forward.example", h.Binary, d.config)
	try("%s query --config %s sender-login-maps team@forward.example", h.Binary, d.config)
	try("%s srs reverse --config %s %s", h.Binary, d.config, rewritten)
	try("%s policy --config %s --explain policy_context=data protocol_state=DATA instance=1 sender=%s", h.Binary, d.config, sender)
	try("%s ban add --config %s --for 1h --reason 'try it' info@forward.example", h.Binary, d.config)
	try("%s top --once --config %s", h.Binary, d.config)
	try("curl -s http://%s/metrics | grep ^postern_", d.metrics)
	try("echo 'you@forward.example you@dest.example' >> %s", filepath.Join(h.dir, "office"))
	try("%s query --config %s everyone you@forward.example", h.Binary, d.config)
	fmt.Fprintf(h.Out, "\nThe status page, for a browser: http://%s/\n\n", d.metrics)
}

// wait stays up until ctx ends or the daemon dies.
func (h *host) wait(ctx context.Context) error {
	if h.Once {
		return nil
	}
	fmt.Fprintln(h.Out, "Ctrl-C stops it all.")
	select {
	case <-ctx.Done():
		return nil
	case err := <-h.daemon.died:
		return fmt.Errorf("demo: postern ended: %w:\n%s", exit(err), h.daemon.lastWords())
	}
}

// stop ends what runs and removes what was made.
func (h *host) stop() error {
	var errs []error
	if h.postfix != nil {
		errs = append(errs, h.postfix.Stop())
	}
	if h.daemon != nil {
		errs = append(errs, h.daemon.stop())
	}
	if h.sink != nil {
		errs = append(errs, h.sink.Stop())
	}
	return errors.Join(append(errs, os.RemoveAll(h.dir))...)
}
