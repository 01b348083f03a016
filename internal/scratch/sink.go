package scratch

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// SinkOptions says how the outside world behaves; the zero value takes all.
type SinkOptions struct {
	Discard bool     // count nothing and keep nothing: for benchmarks
	Args    []string // for smtp-sink(1): -f RCPT refuses with 500, -r RCPT with 450, -w 2 is slow …
}

// Sink is a running smtp-sink(1): it takes mail for everybody and keeps it.
type Sink struct {
	folder  *folder
	port    int
	mark    string // begins each message in the file; nobody can guess it
	process *process

	mu       sync.Mutex
	offset   int64 // of the file, up to which messages holds all
	messages []Message
}

// StartSink starts smtp-sink on a free port of 127.0.0.1, as user nobody when
// we are root (it refuses to be root). It dies with this program.
func StartSink(ctx context.Context, opts SinkOptions) (*Sink, error) {
	s := &Sink{mark: "=== " + rand.Text() + " ===\n"}
	if err := s.create(ctx, opts); err != nil {
		s.Stop()
		return nil, fmt.Errorf("scratch sink: %w", err)
	}
	return s, nil
}

// create makes the folder and starts in it, on another port if ours was taken
// in the moment between.
func (s *Sink) create(ctx context.Context, opts SinkOptions) error {
	folder, err := newFolder("/tmp", "sink", nothingRuns)
	if err != nil {
		return err
	}
	s.folder = folder
	credential, err := nobody()
	if err != nil {
		return err
	}
	if err := s.makeSpool(credential); err != nil {
		return err
	}
	var failures []error
	for range 3 {
		err := s.start(ctx, opts, credential)
		if err == nil {
			return nil
		}
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

// makeSpool makes the folder that smtp-sink writes to; the one around it stays
// ours.
func (s *Sink) makeSpool(credential *syscall.Credential) error {
	if err := os.Mkdir(s.spool(), 0o755); err != nil || credential == nil {
		return err
	}
	return os.Chown(s.spool(), int(credential.Uid), int(credential.Gid))
}

// nobody is whom smtp-sink runs as. We change the user ourselves: its own -u
// would undo the kernel's promise to kill it with us.
func nobody() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	account, err := user.Lookup("nobody")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// start runs smtp-sink and waits for its greeting.
func (s *Sink) start(ctx context.Context, opts SinkOptions, credential *syscall.Credential) error {
	port, err := FreePort()
	if err != nil {
		return err
	}
	s.port = port
	cmd, err := s.command(opts, credential)
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(s.folder.path, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if s.process, err = startProcess(cmd); err != nil {
		return err
	}
	if err := s.awaitStart(ctx); err != nil {
		s.process.stop(syscall.SIGKILL, time.Minute)
		words, _ := os.ReadFile(log.Name())
		return fmt.Errorf("smtp-sink does not answer: %w: %s", err, tail(string(words), 500))
	}
	return nil
}

func (s *Sink) command(opts SinkOptions, credential *syscall.Credential) (*exec.Cmd, error) {
	args := []string{"-4", "-m", "1000"}
	if !opts.Discard {
		// The mark is C-escaped there, and holds nothing to escape but its newline.
		args = append(args, "-S", s.mark[:len(s.mark)-1]+`\n`, "-D", s.file())
	}
	args = append(args, opts.Args...)
	cmd, err := command("", "smtp-sink", "postfix", append(args, s.Addr(), "1000")...)
	if err != nil {
		return nil, err
	}
	cmd.Dir = s.spool()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
	return cmd, nil
}

// awaitStart polls until the sink greets, has ended, or ctx or patience is over.
func (s *Sink) awaitStart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := s.barrier(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-s.process.done:
			return fmt.Errorf("it ended: %v", s.process.err)
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// barrier returns when smtp-sink has finished what it was about to write. It
// is one loop over events and writes a message within one of them, so the
// answer to a new connection comes after.
func (s *Sink) barrier(ctx context.Context) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.Addr())
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Read(make([]byte, 1)); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// Addr is the host and port of the sink: "127.0.0.1:23306".
func (s *Sink) Addr() string { return loopback(s.port) }

// Nexthop is Addr as relayhost or transport(5) wants it: "[127.0.0.1]:23306".
func (s *Sink) Nexthop() string { return "[127.0.0.1]:" + strconv.Itoa(s.port) }

// Pid is the process number of smtp-sink.
func (s *Sink) Pid() int { return s.process.pid() }

func (s *Sink) spool() string { return filepath.Join(s.folder.path, "spool") }

// file is where smtp-sink appends messages. Its name passes strftime(3).
func (s *Sink) file() string { return filepath.Join(s.spool(), "mail") }

// Stop ends the sink and removes its folder; what Messages returned stays
// valid. It may be called more than once.
func (s *Sink) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.folder == nil {
		return nil
	}
	if s.process != nil {
		s.process.stop(syscall.SIGKILL, time.Minute)
	}
	err := s.folder.remove()
	s.folder = nil
	return err
}
