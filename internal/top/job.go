package top

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// jobControl has the signals of job control come to us, since the terminal must
// be in order before the process is suspended and after it goes on.
func jobControl() (signals chan os.Signal, stop func()) {
	signals = make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTSTP, syscall.SIGCONT)
	return signals, func() { signal.Stop(signals) }
}

// stopProcess suspends the process and those of its pipeline, as the terminal's
// Ctrl-Z does, until SIGCONT. A process that nobody could continue, for it has
// no shell, the kernel does not suspend; then it goes on after a while.
func stopProcess(signals chan os.Signal) {
	signal.Reset(syscall.SIGTSTP)
	defer signal.Notify(signals, syscall.SIGTSTP)
	_ = syscall.Kill(0, syscall.SIGTSTP) // one's own processes can be signalled
	patience := time.After(time.Second)
	for {
		select {
		case s := <-signals:
			if s == syscall.SIGCONT {
				return
			}
		case <-patience:
			return
		}
	}
}

// job obeys a signal of job control.
func (l *live) job(signal os.Signal) {
	if signal == syscall.SIGTSTP {
		l.suspend()
		return
	}
	// Continued after a SIGSTOP: the shell has set the terminal for itself.
	l.away(func() {})
}

// suspend gives the terminal back for as long as the process is suspended.
func (l *live) suspend() { l.away(l.stop) }

// away does something while the terminal is as it was before.
func (l *live) away(do func()) {
	done := make(chan error)
	go func() { done <- l.screen.Suspend() }()
	for waiting := true; waiting; {
		select {
		case <-l.events: // typed while nobody looks: the screen waits until it has been taken
		case <-done:
			waiting = false
		}
	}
	do()
	if err := l.screen.Resume(); err == nil {
		l.screen.Sync()
	}
}
