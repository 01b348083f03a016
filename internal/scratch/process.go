package scratch

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// patience is the limit of waiting for a server, on a machine that is busy.
const patience = 2 * time.Minute

// process is a child that we watch: it dies with us and is stopped by its pid.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed once the child has been reaped
	err  error         // how it ended; valid after done
}

// startProcess starts cmd so that the kernel kills it when this program dies.
//
// The parent of prctl(2) PR_SET_PDEATHSIG is a thread, not a process, so one
// goroutine keeps its thread from the start of the child to its end.
func startProcess(cmd *exec.Cmd) (*process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	cmd.SysProcAttr.Setpgid = true // Ctrl-C at the terminal is for us to handle
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// pid is the number of the child, also after its end.
func (p *process) pid() int { return p.cmd.Process.Pid }

// alive reports whether the child has not ended yet.
func (p *process) alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// signal sends sig; a child that has ended is an error.
func (p *process) signal(sig syscall.Signal) error {
	if !p.alive() {
		return errors.New("process has ended")
	}
	if sig == syscall.SIGSTOP {
		return Freeze(p.cmd.Process.Pid)
	}
	return p.cmd.Process.Signal(sig)
}

// stop sends sig, waits up to grace for the end and then kills. A paused
// child is woken, or it could not act on the signal. It may be called twice.
func (p *process) stop(sig syscall.Signal, grace time.Duration) error {
	if !p.alive() {
		return nil
	}
	p.cmd.Process.Signal(sig)
	p.cmd.Process.Signal(syscall.SIGCONT)
	select {
	case <-p.done:
		return nil
	case <-time.After(grace):
	}
	p.cmd.Process.Kill()
	<-p.done
	return fmt.Errorf("process %d did not end within %s of %s and was killed", p.pid(), grace, sig)
}
