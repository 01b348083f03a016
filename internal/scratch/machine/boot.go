package machine

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
)

// boot is how process 1 goes on when it becomes systemd.
//
//go:embed boot.sh
var boot string

// groupPrefix begins the names of control groups that are ours. The number of
// the process that made one follows.
const groupPrefix = "postern-machine-"

// groups counts the machines of this process.
var groups atomic.Int64

// groupName is the control group of a new machine.
func groupName() string { return fmt.Sprintf("%s%d-%d", groupPrefix, os.Getpid(), groups.Add(1)) }

// bootStatus is the exit status of the program, from what the script said.
// Process 1 has been killed, so ended says nothing.
func bootStatus(ctx context.Context, said string, ended error) (int, error) {
	if ctx.Err() != nil {
		return 0, fmt.Errorf("machine: %w", ctx.Err())
	}
	rest, up := strings.CutPrefix(said, "up\n")
	if !up {
		return 0, fmt.Errorf("machine: it did not come up (%v): what is missing stands above", ended)
	}
	var status int
	if _, err := fmt.Sscanf(rest, "exit %d\n", &status); err != nil {
		return 0, fmt.Errorf("machine: it ended before the program did (%v)", ended)
	}
	return status, nil
}

// sweep removes the control groups that this machine, and those of processes
// that are no more, have left.
func sweep(group string) {
	cmd := exec.Command("/bin/sh", "-c", sweepScript, "sweep", groupPrefix, group)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	_ = cmd.Run()
}

// sweepScript takes the prefix of all groups and the name of ours.
const sweepScript = `mount --make-rprivate / && mount -t cgroup2 cgroup2 /mnt || exit
for group in "/mnt/$1"*; do
	pid=${group#"/mnt/$1"}
	[ "${group#/mnt/}" = "$2" ] || [ ! -d "/proc/${pid%-*}" ] || continue
	find "$group" -depth -type d -exec rmdir {} \;
done
`
