// Package demo is `postern demo`: a whole forwarding host in a scratch folder.
//
// # What it starts
//
// A SQLite store with sample rows, postern, a private stock Postfix whose
// every lookup postern answers over socketmap, and a sink as the outside
// world. All of it listens on free loopback ports. One mail goes through; then
// the commands to try are printed, and the host stays up until it is stopped.
//
// # What it leaves behind
//
// The Debian packages that it says it installs, and nothing else. It starts,
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
	"strings"
	"time"

	"postern/internal/debian"
	"postern/internal/scratch"
)

// Options say how the demo runs.
type Options struct {
	Out    io.Writer
	Binary string // postern itself
	Once   bool   // end when the mail has arrived
}

// The mail of the demo.
const (
	sender    = "friend@elsewhere.example"
	recipient = "Info+Demo@forward.example"
	mailBody  = "From: A friend <friend@elsewhere.example>\r\nTo: info@forward.example\r\nSubject: Through the postern\r\n\r\nHello.\r\n"
)

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
	fmt.Fprintf(h.Out, "A stock Postfix listens on %s; postern answers every lookup of it.\n\n", h.postfix.Addr())
	if err := h.sendMail(ctx); err != nil {
		return err
	}
	h.printCommands()
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
	h.printCommands()
	if h.Once {
		return errors.New("demo: no mail was sent: run it as root")
	}
	return h.wait(ctx)
}

// sendMail sends the mail and shows where it came out.
func (h *host) sendMail(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	replies, err := scratch.Submit(ctx, h.postfix.Addr(), sender, []string{recipient}, mailBody)
	if err != nil {
		return fmt.Errorf("demo: sending the mail: %w", err)
	}
	if refused := scratch.Refusals(replies); len(refused) > 0 {
		return fmt.Errorf("demo: Postfix refused the mail:\n%s", scratch.Transcript(replies))
	}
	messages, err := h.sink.Wait(ctx, 1)
	if err != nil {
		return fmt.Errorf("demo: the mail did not arrive: %w; Postfix says:\n%s", err, h.postfix.Log())
	}
	m := messages[0]
	fmt.Fprintf(h.Out, "A mail went in:    from <%s>  to <%s>\n", sender, recipient)
	fmt.Fprintf(h.Out, "and came out:      from <%s>  to <%s>\n", m.Sender, strings.Join(m.Recipients, ">, <"))
	if m.Sender == sender {
		fmt.Fprintln(h.Out, "(The sender is not rewritten: this version of postern has no SRS yet.)")
	}
	fmt.Fprintln(h.Out)
	return nil
}

// printCommands shows what to try.
func (h *host) printCommands() {
	d := h.daemon
	fmt.Fprintln(h.Out, "Try:")
	if h.postfix != nil {
		fmt.Fprintf(h.Out, "  postmap -c %s -q info@forward.example socketmap:inet:%s:virtual\n", h.postfix.ConfigDir(), d.socketmap)
		fmt.Fprintf(h.Out, "  postmap -c %s -q alice@forward.example tcp:%s\n", h.postfix.ConfigDir(), d.tcptable)
	}
	fmt.Fprintf(h.Out, "  %s query --config %s --explain virtual info+demo@forward.example\n", h.Binary, d.config)
	fmt.Fprintf(h.Out, "  %s query --config %s sender-login-maps team@forward.example\n", h.Binary, d.config)
	fmt.Fprintf(h.Out, "  curl -s http://%s/metrics | grep ^postern_\n", d.metrics)
	fmt.Fprintf(h.Out, "  echo 'you@forward.example you@dest.example' >> %s\n", filepath.Join(h.dir, "office"))
	fmt.Fprintf(h.Out, "  %s query --config %s everyone you@forward.example\n\n", h.Binary, d.config)
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
		return fmt.Errorf("demo: postern ended: %w:\n%s", err, h.daemon.log())
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
