package scratch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// PostfixOptions says what the mail system shall be like; the zero value
// takes mail on a free port and has no way out for it.
type PostfixOptions struct {
	Root     string            // a Debian root folder to take Postfix from; empty: this machine
	Dir      string            // stays after Stop; under Root if that is set; empty: a folder that Stop removes
	Main     map[string]string // parameters of main.cf, over ours; $config_directory works in them
	Master   string            // entries of master.cf(5), each in the place of ours of the same name and type
	Files    map[string]string // further files of the configuration directory, content by name
	SMTPPort int               // of smtpd(8) on 127.0.0.1; 0: a free one
	Chroot   bool              // chroot the services that Debian's master.cf chroots
}

// Postfix is a running private mail system.
type Postfix struct {
	opts   PostfixOptions
	folder *folder // nil if Dir was given
	dir    string  // as this machine sees it
	port   int

	mu      sync.Mutex
	guard   *guard
	master  int // pid of master(8); 0 when stopped
	stopped bool
}

// StartPostfix writes a configuration of its own, starts Postfix with it and
// returns when smtpd(8) greets. It stops with this program. It needs root, as
// Postfix does; the system's own Postfix may run beside it.
func StartPostfix(ctx context.Context, opts PostfixOptions) (*Postfix, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("scratch postfix: Postfix starts as root only: run this as root (sudo)")
	}
	p := &Postfix{opts: opts}
	if err := p.create(ctx); err != nil {
		p.Stop()
		return nil, fmt.Errorf("scratch postfix: %w", err)
	}
	return p, nil
}

// create makes the folder and starts in it, on another port if ours was taken
// in the moment between.
func (p *Postfix) create(ctx context.Context) error {
	if _, err := command(p.opts.Root, "postfix", "postfix"); err != nil {
		return err
	}
	if err := p.makeFolder(); err != nil {
		return err
	}
	var failures []error
	for range 3 {
		err := p.startOnce(ctx)
		if err == nil {
			return nil
		}
		failures = append(failures, err)
		if p.opts.SMTPPort != 0 || ctx.Err() != nil || !strings.Contains(p.Log(), "Address already in use") {
			break
		}
	}
	return errors.Join(failures...)
}

// makeFolder makes the place for configuration, queue and log. User postfix
// must reach it.
func (p *Postfix) makeFolder() error {
	if p.opts.Dir != "" {
		p.dir = filepath.Join(p.opts.Root, p.opts.Dir)
		if err := stopMaster(p.QueueDir()); err != nil { // of a run whose guard was killed, too
			return err
		}
		return os.MkdirAll(p.dir, 0o755)
	}
	folder, err := newFolder(filepath.Join(p.opts.Root, "/tmp"), "postfix", haltPostfix)
	if err != nil {
		return err
	}
	p.folder, p.dir = folder, folder.path
	return nil
}

// startOnce picks the port, writes the files and starts.
func (p *Postfix) startOnce(ctx context.Context) error {
	p.port = p.opts.SMTPPort
	if p.port == 0 {
		port, err := FreePort()
		if err != nil {
			return err
		}
		p.port = port
	}
	if err := p.writeConfig(); err != nil {
		return err
	}
	return p.start(ctx)
}

// start runs postfix(1) and waits for the greeting.
func (p *Postfix) start(ctx context.Context) error {
	var err error
	if p.guard == nil {
		if p.guard, err = startGuard(p.opts.Root, inside(p.opts.Root, p.ConfigDir()), p.removable()); err != nil {
			return fmt.Errorf("guard: %w", err)
		}
	}
	if out, err := p.Run(ctx, "postfix", "start"); err != nil {
		return fmt.Errorf("postfix start: %w: %s; its log ends:\n%s", err, tail(out, 500), tail(p.Log(), 1500))
	}
	if p.master = masterPid(p.QueueDir()); p.master == 0 {
		return fmt.Errorf("master(8) is gone; its log ends:\n%s", tail(p.Log(), 1500))
	}
	if err := p.awaitGreeting(ctx); err != nil {
		return fmt.Errorf("smtpd(8) does not greet: %w; its log ends:\n%s", err, tail(p.Log(), 1500))
	}
	return nil
}

// removable is the folder that the guard may delete; empty if it is not ours.
func (p *Postfix) removable() string {
	if p.folder == nil {
		return ""
	}
	return p.folder.path
}

// awaitGreeting proves that smtpd(8) can be started with this configuration;
// a port that takes connections proves only master(8).
func (p *Postfix) awaitGreeting(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	d, err := DialSMTP(ctx, p.Addr())
	if err != nil {
		return err
	}
	return d.Close()
}

// Run runs a Postfix program (postmap, postconf, postqueue, sendmail …) with
// this configuration and returns what it printed on both outputs. postmap -q
// of a key without value is an error of type *exec.ExitError.
func (p *Postfix) Run(ctx context.Context, program string, args ...string) (string, error) {
	return p.RunInput(ctx, "", program, args...)
}

// RunInput is Run with text for the program's standard input.
func (p *Postfix) RunInput(ctx context.Context, input, program string, args ...string) (string, error) {
	cmd, err := p.command(program, args...)
	if err != nil {
		return "", err
	}
	cmd.Stdin = strings.NewReader(input)
	return runCommand(ctx, cmd)
}

func (p *Postfix) command(program string, args ...string) (*exec.Cmd, error) {
	flag := "-c"
	if program == "sendmail" || program == "mailq" {
		flag = "-C"
	}
	args = append([]string{flag, inside(p.opts.Root, p.ConfigDir())}, args...)
	cmd, err := command(p.opts.Root, program, "postfix", args...)
	if err == nil {
		cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	}
	return cmd, err
}

// Stop ends Postfix, waits until its processes are gone and removes its
// folder, unless Dir was given. It may be called more than once.
func (p *Postfix) Stop() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return nil
	}
	p.stopped = true
	if p.dir == "" {
		return nil
	}
	failures := []error{stopMaster(p.QueueDir())}
	if p.guard != nil {
		p.guard.dismiss()
	}
	if p.folder != nil {
		failures = append(failures, p.folder.remove())
	}
	if err := errors.Join(failures...); err != nil {
		return fmt.Errorf("scratch postfix: stop: %w", err)
	}
	return nil
}

// Addr is the host and port of smtpd(8): "127.0.0.1:23306".
func (p *Postfix) Addr() string { return loopback(p.port) }

// Port is the port of Addr.
func (p *Postfix) Port() int { return p.port }

// ConfigDir is the configuration directory.
func (p *Postfix) ConfigDir() string { return filepath.Join(p.dir, "config") }

// QueueDir is the queue directory, where chrooted services live.
func (p *Postfix) QueueDir() string { return filepath.Join(p.dir, "queue") }

// MasterPid is the process number of master(8), 0 if it does not run.
func (p *Postfix) MasterPid() int { return masterPid(p.QueueDir()) }
