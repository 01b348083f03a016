package top

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// continued tells of SIGCONT. SIGTSTP is left alone: once it has been caught,
// the Go runtime no longer gives it back, and it would suspend nobody.
func continued() (signals chan os.Signal, stop func()) {
	signals = make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGCONT)
	return signals, func() { signal.Stop(signals) }
}

// stopProcess suspends the process and those of its pipeline, as Ctrl-Z does at
// a terminal that is not ours, until SIGCONT. One that nobody could continue,
// since it has no shell, the kernel does not suspend; it goes on after a while.
func stopProcess(signals <-chan os.Signal) {
	_ = syscall.Kill(0, syscall.SIGTSTP) // one's own processes can be signalled
	select {
	case <-signals:
	case <-time.After(time.Second):
	}
}

// suspend gives the terminal back for as long as the process is suspended;
// false: it could not be taken again.
func (l *live) suspend() bool { return l.away(l.stop) }

// resume takes the terminal anew: the shell has set it for itself while the
// process was stopped by a signal. A terminal that hangs up sends SIGCONT, too:
// then it cannot be taken.
func (l *live) resume() bool { return l.away(func() {}) }

// away does something while the terminal is as it was before.
func (l *live) away(do func()) bool {
	done := make(chan error, 1)
	go func() { done <- l.screen.Suspend() }()
	for waiting := true; waiting; {
		select {
		case <-l.events: // typed while nobody looks: the screen waits until it has been taken
		case <-done:
			waiting = false
		}
	}
	do()
	if err := l.screen.Resume(); err != nil {
		return false
	}
	l.screen.Sync()
	return true
}
