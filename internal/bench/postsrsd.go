package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// postsrsdProgram is PostSRSd 1.10 on Debian 12.
const postsrsdProgram = "/usr/sbin/postsrsd"

// comparePostSRSd asks four tcp tables by turns: our native one; the stand-in,
// `postern srsd --defaults`; PostSRSd 1.10; an echo server. The last shows what
// there is to reach.
//
// PostSRSd and the stand-in log each rewrite to syslog(3); here that is a
// /dev/log of their own whose reader throws all away. Where there can be none,
// PostSRSd tries to connect to /dev/log for each rewrite, and the stand-in
// logs to a file.
func (l *lab) comparePostSRSd(ctx context.Context, native *nativeSRS) error {
	if _, err := os.Stat(postsrsdProgram); err != nil {
		return fmt.Errorf("%w: apt-get install postsrsd", err)
	}
	note, command := "rewrites logged to a /dev/log whose reader drops them", exec.Command
	if log, err := l.startDevLog(ctx); err == nil {
		defer log.stop()
		command = log.command
	} else {
		l.say("srs: %v", err)
		note = "no /dev/log: PostSRSd tries to connect for each rewrite, the stand-in logs to a file"
	}
	theirs, err := l.startTables(ctx, "PostSRSd", func(t *tables) *exec.Cmd {
		return command(postsrsdProgram, "-4", "-d", srsDomain, "-s", native.secrets, "-l", "127.0.0.1",
			"-f", port(t.forward), "-r", port(t.reverse))
	})
	if err != nil {
		return err
	}
	defer theirs.stop()
	standIn, err := l.startTables(ctx, "postern srsd", func(t *tables) *exec.Cmd {
		cmd := command(l.binary, "srsd", "--metrics", "off", "--defaults", "")
		cmd.Env = []string{"PATH=/usr/bin:/bin", "SRS_DOMAIN=" + srsDomain, "SRS_SECRET=" + native.secrets,
			"SRS_LISTEN_ADDR=127.0.0.1", "SRS_FORWARD_PORT=" + port(t.forward), "SRS_REVERSE_PORT=" + port(t.reverse)}
		return cmd
	})
	if err != nil {
		return err
	}
	defer standIn.stop()
	for _, clients := range []int{8, 64} {
		err := errors.Join(
			l.compareTables(ctx, "SRS forward", note, clients, native.forward,
				standIn.server(standIn.forward, native.forward.questions), theirs.server(theirs.forward, native.forward.questions)),
			l.compareTables(ctx, "SRS reverse", note, clients, native.reverse,
				standIn.server(standIn.reverse, native.reverse.questions), theirs.server(theirs.reverse, native.reverse.questions)))
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) compareTables(ctx context.Context, what, note string, clients int, native, standIn, theirs server) error {
	e, err := l.echoOf(ctx, native, "tcptable")
	if err != nil {
		return err
	}
	defer e.stop()
	got, cpu, err := l.compete(ctx, clients, native, standIn, theirs, e.server(native.questions))
	if err != nil {
		return fmt.Errorf("%s, %d connections: %w", what, clients, err)
	}
	for i, who := range []struct {
		name string
		at   int
		f    floor
	}{{"native", 0, atLeast(1.7)}, {"srsd --defaults", 1, atLeast(1.7)}, {"echo", 3, floor{}}} {
		notes := fmt.Sprintf("%s; CPU %s : %s each", rates("/s", got[who.at], got[2]), cpu[who.at], cpu[2])
		if i > 0 {
			notes += "; " + note
		}
		l.report.add(fmt.Sprintf("%s, %s, %d connections : PostSRSd 1.10", what, who.name, clients), who.f,
			summarize(ratios(got[who.at], got[2])), "%s", notes)
	}
	return nil
}

// tables is a process with the two tcp tables of PostSRSd 1.x.
type tables struct {
	forward, reverse string // addresses
	cmd              *exec.Cmd
	died             chan error
	logFile          string
}

// startTables starts what command makes of two free ports.
func (l *lab) startTables(ctx context.Context, name string, command func(*tables) *exec.Cmd) (*tables, error) {
	dir, err := l.folder()
	if err != nil {
		return nil, err
	}
	t := &tables{logFile: filepath.Join(dir, "log"), died: make(chan error, 1)}
	if t.forward, t.reverse, err = freePair(); err != nil {
		return nil, err
	}
	log, err := os.Create(t.logFile)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	t.cmd = command(t)
	t.cmd.Stdout, t.cmd.Stderr = log, log
	if err := t.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	go func() { t.died <- t.cmd.Wait() }()
	if err := t.await(ctx); err != nil {
		t.stop()
		return nil, fmt.Errorf("%s: %w: %s", name, err, t.log())
	}
	return t, nil
}

// await waits until both tables can be reached.
func (t *tables) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for _, at := range []string{t.forward, t.reverse} {
		for !reachable(at) {
			select {
			case err := <-t.died:
				t.died <- err
				return fmt.Errorf("it ended: %v", err)
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	return nil
}

func reachable(at string) bool {
	conn, err := net.DialTimeout("tcp", at, time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// server is one of the two tables.
func (t *tables) server(at string, questions []question) server {
	cpu := func() (time.Duration, error) { return cpuOfFamily(t.cmd.Process.Pid) }
	return server{"tcp", at, cpu, questions}
}

func (t *tables) log() string {
	text, _ := os.ReadFile(t.logFile)
	return strings.TrimSpace(string(text[max(0, len(text)-1000):]))
}

func (t *tables) stop() {
	t.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-t.died:
	case <-time.After(20 * time.Second):
		t.cmd.Process.Kill()
		<-t.died
	}
}

func port(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}
