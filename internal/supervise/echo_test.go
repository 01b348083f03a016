package supervise_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"postern/internal/supervise"
)

// settings are those of the tests' service: it answers every line with Answer.
type settings struct {
	Answer  string
	Secret  string
	Domains []string
	Mood    string // what it does wrong
}

// The moods.
const (
	unready  = "cannot prepare itself"
	refuses  = "refuses to start"
	silent   = "never becomes ready"
	panics   = "panics at start"
	stubborn = "ignores that it is to drain"
	quits    = "ends when it should serve"
	picky    = "cannot apply newer settings"
)

// echo is the service of the worker processes in the tests.
type echo struct {
	log     *slog.Logger
	current atomic.Pointer[settings]
	mu      sync.Mutex
	conns   map[net.Conn]bool

	prepared string // as which user
	blocking bool   // is the mode in which the first listener was inherited
	serving  sync.WaitGroup
}

func newEcho(log *slog.Logger) *echo {
	return &echo{log: log, conns: map[net.Conn]bool{}}
}

func (e *echo) worker() supervise.Worker {
	return supervise.Worker{Prepare: e.prepare, Serve: e.serve, Apply: e.apply, Log: e.log}
}

func (e *echo) prepare(raw json.RawMessage) error {
	s := &settings{}
	if err := json.Unmarshal(raw, s); err != nil {
		return err
	}
	if s.Mood == unready {
		return errors.New("syslog: no such file")
	}
	e.prepared = fmt.Sprint(os.Getuid())
	return nil
}

func (e *echo) apply(raw json.RawMessage) error {
	if s := e.current.Load(); s != nil && s.Mood == picky {
		return errors.New("these settings are not to my taste")
	}
	s := &settings{}
	if err := json.Unmarshal(raw, s); err != nil {
		return err
	}
	e.current.Store(s)
	return nil
}

func (e *echo) serve(ctx context.Context, job supervise.Job, ready func()) error {
	if err := e.apply(job.Settings); err != nil {
		return err
	}
	mood := e.current.Load().Mood
	switch mood {
	case refuses:
		return errors.New("database: no such file\nor directory\x1b[31m")
	case silent:
		fmt.Println("silent")
		<-make(chan struct{})
	case panics:
		panic("at start")
	}
	ready()
	if mood == quits {
		return errors.New("database: gone")
	}
	for _, ln := range job.Listeners {
		e.serving.Go(func() { e.accept(ln) })
	}
	<-ctx.Done()
	for _, ln := range job.Listeners {
		ln.Close()
	}
	if mood == stubborn {
		<-make(chan struct{})
	}
	all := make(chan struct{})
	go func() { e.serving.Wait(); close(all) }()
	select {
	case <-all:
	case <-job.Hurry:
		e.release()
		<-all
	}
	return nil
}

func (e *echo) accept(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		e.mu.Lock()
		e.conns[conn] = true
		e.mu.Unlock()
		e.serving.Go(func() { e.talk(conn) })
	}
}

func (e *echo) talk(conn net.Conn) {
	defer func() {
		conn.Close()
		e.mu.Lock()
		delete(e.conns, conn)
		e.mu.Unlock()
	}()
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		fmt.Fprintln(conn, e.answer(lines.Text()))
	}
}

// release ends the connections that wait for a line.
func (e *echo) release() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for conn := range e.conns {
		conn.Close()
	}
}

func (e *echo) answer(line string) string {
	s := e.current.Load()
	switch line {
	case "pid":
		return fmt.Sprint(os.Getpid())
	case "blocking":
		return fmt.Sprint(e.blocking)
	case "log":
		e.log.Info("as asked")
		return "logged"
	case "prepared":
		return e.prepared
	case "zone":
		return time.Now().Format("MST")
	case "domains":
		return fmt.Sprint(len(s.Domains))
	case "self":
		return describeSelf()
	}
	return s.Answer
}

// self is what a worker sees of itself. An unprivileged test cannot read it
// from outside, since the worker hides its memory.
type self struct {
	Args, Environment []string
	Files             map[string]string // descriptor to what it leads to
	Process, Group    int
	Dumpable          bool
	Status            map[string]string // /proc/self/status
}

func describeSelf() string {
	me := self{Args: os.Args, Environment: os.Environ(), Files: map[string]string{}, Status: map[string]string{}}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err.Error()
	}
	for _, entry := range entries {
		to, err := os.Readlink(filepath.Join("/proc/self/fd", entry.Name()))
		if err == nil { // else it was the directory that has just been read
			me.Files[entry.Name()] = to
		}
	}
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		me.Status[name] = strings.TrimSpace(value)
	}
	me.Process, me.Group = os.Getpid(), syscall.Getpgrp()
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	me.Dumpable = err != nil || dumpable != 0
	text, _ := json.Marshal(me)
	return string(text)
}
