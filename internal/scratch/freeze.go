package scratch

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Freeze stops a process (SIGSTOP) and returns when none of its threads runs any
// more: kill(2) returns before that, and a thread on another processor goes on
// for a moment. SIGCONT ends it.
func Freeze(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return fmt.Errorf("scratch: freeze: process %d: %w", pid, err)
	}
	for end := time.Now().Add(time.Minute); !frozen(pid); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("scratch: freeze: process %d still runs after a minute", pid)
		}
	}
	return nil
}

// frozen reports whether every thread has the state T of proc_pid_stat(5), or
// has ended.
func frozen(pid int) bool {
	stats, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		_, fields, _ := bytes.Cut(text[bytes.LastIndexByte(text, ')')+1:], []byte(" ")) // a name may have any byte
		if len(fields) == 0 || fields[0] != 'T' && fields[0] != 'Z' && fields[0] != 'X' {
			return false
		}
	}
	return true
}
