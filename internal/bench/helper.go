package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// These, as the first argument, make this program something else, so that it
// stands beside the daemon as a process of its own.
const (
	echoCommand    = "echo-server"
	logSinkCommand = "log-sink"
	devLogCommand  = "with-dev-log"
)

// helperOf is what the arguments make of this program, nil for nothing but
// itself.
func helperOf(args []string) func(args []string) error {
	if len(args) == 0 {
		return nil
	}
	return map[string]func([]string) error{
		echoCommand:    echoMain,
		logSinkCommand: logSinkMain,
		devLogCommand:  devLogMain,
	}[args[0]]
}

func helperMain(help func([]string) error, args []string, stderr io.Writer) int {
	if err := help(args[1:]); err != nil {
		fmt.Fprintf(stderr, "bench: %s: %v\n", args[0], err)
		return 1
	}
	return 0
}

// helper is this program as a server: it says its address in a line and ends
// with its stdin.
type helper struct {
	address string
	cmd     *exec.Cmd
	stdin   io.Closer
}

// helpUntilTheEnd is the server's half of that.
func helpUntilTheEnd(address string) error {
	fmt.Println(address)
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

func (l *lab) startHelper(ctx context.Context, args ...string) (*helper, error) {
	cmd := exec.CommandContext(ctx, l.self, args...)
	cmd.Stderr = l.stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", args[0], err)
	}
	h := &helper{cmd: cmd, stdin: stdin}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		h.stop()
		return nil, fmt.Errorf("%s: it did not say its address: %w", args[0], err)
	}
	h.address = strings.TrimSpace(line)
	return h, nil
}

func (h *helper) cpu() (time.Duration, error) { return cpuOf(h.cmd.Process.Pid) }

func (h *helper) stop() {
	h.stdin.Close()
	defer time.AfterFunc(5*time.Second, func() { h.cmd.Process.Kill() }).Stop()
	h.cmd.Wait()
}
