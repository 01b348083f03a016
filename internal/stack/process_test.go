//go:build integration

package stack

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// patience is the limit of waiting for what must come.
const patience = 2 * time.Minute

// logDir has a file for each process, of what it wrote itself.
const logDir = "/var/log/stack"

// process is one life of a daemon that stays our child.
type process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{}
	err  error // valid after done
}

// startProcess starts a program; the machine's end is its end at the latest.
func startProcess(name string, argv ...string) (*process, error) {
	if err := os.MkdirAll(logDir, 0o755); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(logFile(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/", log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	p := &process{name: name, cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

func logFile(name string) string { return filepath.Join(logDir, name+".log") }

// log is what the process wrote itself, its earlier lives included.
func (p *process) log() string {
	text, _ := os.ReadFile(logFile(p.name)) // none: it said nothing
	return string(text)
}

// await waits until ready; a process that ends meanwhile is an error.
func (p *process) await(ready func() error) error {
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended (%v) before it was ready: %w; it wrote:\n%s", p.name, p.err, err, tail(p.log(), 3000))
		default:
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s was not ready within %v: %w; it wrote:\n%s", p.name, patience, err, tail(p.log(), 3000))
		}
	}
}

// end sends a signal and waits for the end, which is killed for after a while.
func (p *process) end(sig syscall.Signal) error {
	p.cmd.Process.Signal(sig) // one that has ended is waited for below
	select {
	case <-p.done:
		return nil
	case <-time.After(patience):
		p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("%s did not end within %v of %v", p.name, patience, sig)
	}
}

// run runs a program to its end and returns its standard output; what it said
// on both outputs is in the error.
func run(stdin string, argv ...string) (string, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	var out, words bytes.Buffer
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = "/", strings.NewReader(stdin), &out, &words
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, tail(words.String()+out.String(), 2000))
	}
	return out.String(), nil
}

// tail is the end of a text, for an error message.
func tail(s string, n int) string {
	s = strings.TrimSpace(s)
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}
