package scratch

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// masterPid finds the master(8) that serves a queue directory; 0 if none
// runs. The number in the file may be that of another program by now, but only
// master(8) and its children work in this directory.
func masterPid(queue string) int {
	text, err := os.ReadFile(filepath.Join(queue, "pid", "master.pid"))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 1 {
		return 0
	}
	cwd, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "cwd"))
	if err != nil || cwd != queue {
		return 0
	}
	return pid
}

// children are the processes that master(8), which has one thread, has started.
func children(master int) []string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", master, master)) // it is gone, and so are they
	return strings.Fields(string(text))
}

// stopMaster does what `postfix stop` does, without its sleeps of a second:
// it asks master(8) to end, which takes its children along, waits, and kills
// the process group if that does not help.
func stopMaster(queue string) error {
	pid := masterPid(queue)
	if pid == 0 {
		return nil
	}
	syscall.Kill(pid, syscall.SIGTERM)
	if awaitGroupEnd(pid, time.Minute) {
		return nil
	}
	syscall.Kill(-pid, syscall.SIGKILL)
	if awaitGroupEnd(pid, time.Minute) {
		return nil
	}
	return fmt.Errorf("process group %d does not end", pid)
}

// awaitGroupEnd waits until no process of the group is left.
func awaitGroupEnd(group int, grace time.Duration) bool {
	for end := time.Now().Add(grace); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if !groupAlive(group) {
			return true
		}
	}
	return false
}

// groupAlive reports whether the process group has a member that is not a
// zombie: kill(2) would count those until their parent, init, takes notice.
func groupAlive(group int) bool {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		text, _ := os.ReadFile(file)
		// proc(5): pid (name) state parent group …; the name may hold anything.
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if len(fields) > 2 && fields[2] == strconv.Itoa(group) && fields[0] != "Z" && fields[0] != "X" {
			return true
		}
	}
	return false
}

// haltPostfix stops what a crashed run left in a scratch folder.
func haltPostfix(path string) { stopMaster(filepath.Join(path, "queue")) }
