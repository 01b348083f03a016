package supervise

import (
	"math"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Self returns a Command that runs the program of this process with other
// arguments, also when its file has been replaced meanwhile: parent and worker
// are always of one version.
func Self(args ...string) func() *exec.Cmd {
	return func() *exec.Cmd {
		cmd := exec.Command("/proc/self/exe", args...)
		cmd.Args[0] = os.Args[0]
		return cmd
	}
}

// parentsOwn reports whether a variable is between the service manager and
// the parent: sd_notify(3), sd_watchdog_enabled(3), sd_listen_fds(3).
func parentsOwn(name string) bool {
	return slices.Contains([]string{
		"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC",
		"LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS", "LISTEN_FDNAMES",
	}, name)
}

// workerEnvironment is environ without what is the parent's own.
func workerEnvironment(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return parentsOwn(name)
	})
}

// sealDescriptors has every descriptor close when a program is started, also
// those that the process was started with and does not know.
func sealDescriptors() {
	if unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC) == nil {
		return
	}
	entries, _ := os.ReadDir("/proc/self/fd") // Linux before 5.11
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
}
