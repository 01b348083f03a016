package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience is how long a script waits for anything.
const patience = 2 * time.Minute

// processes are what a script remembers to look after.
type processes struct {
	manager *net.UnixConn // hears what daemons notify
	seen    []int         // process ids
}

type processesKey struct{}

// looked finds the processes of the script for a command.
func looked(command func(*processes, *testscript.TestScript, bool, []string)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		command(ts.Value(processesKey{}).(*processes), ts, neg, args)
	}
}

// until polls, since nothing tells when a process has ended.
func until(ts *testscript.TestScript, what string, done func() bool) {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if done() {
			return
		}
	}
	ts.Fatalf("%s: waited in vain", what)
}

// children are the processes that a process has started.
func children(pid int) []int {
	var found []int
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, task := range tasks {
		list, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		for word := range strings.FieldsSeq(string(list)) {
			if child, err := strconv.Atoi(word); err == nil {
				found = append(found, child)
			}
		}
	}
	return found
}

// isGone reports a process that has ended, a zombie included.
func isGone(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return strings.HasPrefix(rest, "Z")
}

// workers waits until what runs in the background, or has left its number in a
// file, has that many child processes: workers N [PIDFILE].
func (p *processes) workers(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: workers N [PIDFILE]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	var parents []int
	if len(args) == 2 {
		parents = append(parents, readPID(ts, args[1]))
	} else {
		for _, cmd := range ts.BackgroundCmds() {
			parents = append(parents, cmd.Process.Pid)
		}
	}
	until(ts, "workers "+args[0], func() bool {
		var found []int
		for _, parent := range parents {
			found = append(found, children(parent)...)
		}
		p.seen = append(p.seen, found...)
		return len(found) == want
	})
}

// gone waits until all processes that workers saw have ended: gone.
func (p *processes) gone(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 || len(p.seen) == 0 {
		ts.Fatalf("usage: gone, after workers")
	}
	until(ts, "gone", func() bool { return !slices.ContainsFunc(p.seen, func(pid int) bool { return !isGone(pid) }) })
	p.seen = nil
}

// readPID reads a PID file.
func readPID(ts *testscript.TestScript, file string) int {
	pid, err := strconv.Atoi(strings.TrimSpace(ts.ReadFile(file)))
	ts.Check(err)
	return pid
}

// keep has a daemon in the background ended with the script: keep PIDFILE.
func (p *processes) keep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: keep PIDFILE")
	}
	pid := readPID(ts, args[0])
	ts.Defer(func() {
		if !isGone(pid) {
			_ = syscall.Kill(pid, syscall.SIGKILL) // its worker drains by itself
		}
	})
}

// stop sends SIGTERM to a daemon in the background and waits for its end: stop
// PIDFILE.
func (p *processes) stop(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: stop PIDFILE")
	}
	pid := readPID(ts, args[0])
	ts.Check(syscall.Kill(pid, syscall.SIGTERM))
	until(ts, "stop "+args[0], func() bool { return isGone(pid) })
}

// manage listens as a service manager does, sd_notify(3): manage.
func (p *processes) manage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: manage")
	}
	path := ts.MkAbs("notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	ts.Check(err)
	ts.Defer(func() { conn.Close() })
	p.manager = conn
	ts.Setenv("NOTIFY_SOCKET", path)
}

// notified waits for a notification that matches and prints it: notified REGEXP.
func (p *processes) notified(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 || p.manager == nil {
		ts.Fatalf("usage: notified REGEXP, after manage")
	}
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	ts.Check(p.manager.SetReadDeadline(time.Now().Add(patience)))
	var heard []string
	for {
		text := make([]byte, 8<<10)
		n, err := p.manager.Read(text)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			ts.Fatalf("notified %s: only %q", args[0], heard)
		}
		ts.Check(err)
		heard = append(heard, string(text[:n]))
		if pattern.Match(text[:n]) {
			fmt.Fprintln(ts.Stdout(), string(text[:n]))
			return
		}
	}
}
