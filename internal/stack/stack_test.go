//go:build integration

package stack

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"postern/internal/scratch/machine"
)

// options say what the host is like; the zero value is the host of the manual.
type options struct {
	serve bool // one `postern serve` instead of a process for each daemon
	more  bool // what is off where nobody asks for it: counters in Redis, masked addresses in the log
}

// stack is the running host and its world.
type stack struct {
	opts  options
	world *world
	dns   *nameserver
	log   *machine.Syslog
	db    *sql.DB // root, in maildb

	mark      int        // of the log, where Postfix was last started or reloaded; see reload
	processes []*process // in the order of their start; a daemon that was stopped is not in it
}

// shared is what a machine has once.
var shared struct {
	surroundings *stack // world, dns and log, and no host
	running      *stack
}

// start returns the running stack with these options, or starts it.
func start(t *testing.T, opts options) *stack {
	t.Helper()
	if shared.running != nil && shared.running.opts != opts {
		if err := shared.running.stop(); err != nil {
			t.Fatalf("stop the last stack: %v", err)
		}
		shared.running = nil
	}
	if shared.running == nil {
		s, err := startStack(opts)
		if err != nil {
			logged := ""
			if s != nil {
				logged = tail(s.log.Text(), 4000)
			}
			t.Fatalf("start: %v\nlogged:\n%s", err, logged)
		}
		shared.running = s
	}
	s := shared.running
	mark := s.log.Len()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("logged meanwhile:\n%s", tail(s.log.Text()[mark:], 8000))
		}
	})
	return s
}

// startStack makes the surroundings, the first time, and the host.
func startStack(opts options) (*stack, error) {
	if shared.surroundings == nil {
		s, err := surround()
		if err != nil {
			return nil, err
		}
		shared.surroundings = s
	}
	s := *shared.surroundings
	s.opts = opts
	return &s, s.start()
}

// surround makes what lasts as long as the machine.
func surround() (*stack, error) {
	log, err := machine.NewSyslog()
	if err != nil {
		return nil, err
	}
	outside, err := machine.NewOutside(context.Background())
	if err != nil {
		return nil, err
	}
	dns, err := startDNS(filepath.Join("testdata", "internet.zone"))
	if err != nil {
		return nil, err
	}
	world, err := startWorld(outside)
	if err != nil {
		return nil, err
	}
	return &stack{log: log, dns: dns, world: world}, nil
}

// start installs and starts the host, in the order of the manual.
func (s *stack) start() error {
	if err := install(s.opts); err != nil {
		return fmt.Errorf("install: %w", err)
	}
	if err := s.keep(startMariaDB()); err != nil {
		return err
	}
	if err := makeDatabase(); err != nil {
		return err
	}
	var err error
	if s.db, err = openDatabase("maildb"); err != nil {
		return err
	}
	if s.opts.more {
		if err := s.keep(startRedis()); err != nil {
			return err
		}
	}
	for _, name := range []string{"serve", "srsd", "socketmap", "policyd"} {
		if port, ok := posternDaemons(s.opts.serve)[name]; ok {
			if err := s.keep(startPostern(name, port)); err != nil {
				return err
			}
		}
	}
	if err := s.makeKeys(); err != nil {
		return err
	}
	if err := s.keep(startOpenDKIM()); err != nil {
		return err
	}
	if err := s.keep(startDovecot()); err != nil {
		return err
	}
	return startPostfix()
}

// keep remembers a process that was started, also one that is not ready.
func (s *stack) keep(p *process, err error) error {
	if p != nil {
		s.processes = append(s.processes, p)
	}
	return err
}

// stop ends the host; the world goes on.
func (s *stack) stop() error {
	if s.db != nil {
		s.db.Close()
	}
	return errors.Join(stopPostfix(), terminate(s.processes))
}

// process is a running daemon by its name: "socketmap", "opendkim" …
func (s *stack) process(t *testing.T, name string) *process {
	t.Helper()
	for _, p := range s.processes {
		if p.name == name {
			return p
		}
	}
	t.Fatalf("no process %s runs", name)
	return nil
}

// halt ends a daemon with a signal, and starts it again when the test ends.
func (s *stack) halt(t *testing.T, name string, sig syscall.Signal) {
	t.Helper()
	p := s.process(t, name)
	if err := p.end(sig); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.revive(t, name) })
}

// revive starts a daemon that was ended, and waits until it is ready. One that
// runs is left alone.
func (s *stack) revive(t *testing.T, name string) {
	t.Helper()
	for i, p := range s.processes {
		if p.name != name {
			continue
		}
		select {
		case <-p.done:
		default:
			return
		}
		again, err := s.startByName(name)
		if err != nil {
			t.Fatal(err)
		}
		s.processes[i] = again
		return
	}
	t.Fatalf("no process %s was started", name)
}

func (s *stack) startByName(name string) (*process, error) {
	switch name {
	case "mariadbd":
		return startMariaDB()
	case "redis-server":
		return startRedis()
	case "opendkim":
		return startOpenDKIM()
	case "dovecot":
		return startDovecot()
	}
	port, ok := posternDaemons(s.opts.serve)[name]
	if !ok {
		return nil, fmt.Errorf("no daemon %s", name)
	}
	return startPostern(name, port)
}

// exec runs SQL statements as root in maildb.
func (s *stack) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	if _, err := s.db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// awaitAlias waits until a row that was inserted is known, which takes up to a
// second with the change feed.
func (s *stack) awaitAlias(t *testing.T, address string) {
	t.Helper()
	if err := await("the alias is known", func() error {
		_, err := run("", "postmap", "-q", address, "socketmap:unix:/var/spool/postfix/postern/socketmap:virtual")
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// logged waits for a line that matches after mark (s.log.Len()) and returns its submatches.
func (s *stack) logged(t *testing.T, mark int, pattern string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	found, err := s.log.Wait(ctx, mark, regexp.MustCompile(pattern))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// await waits until done.
func await(what string, done func() error) error {
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		err := done()
		if err == nil {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("not within %v: %s: %w", patience, what, err)
		}
	}
}

// oneLine is a text for a message of a failed test.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
