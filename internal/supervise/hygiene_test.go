package supervise_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestWorkerHasWhatItNeedsAndNoMore(t *testing.T) {
	const secret = "tops3cr3t-that-nobody-may-see"
	stripped := []string{"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS", "LISTEN_FDNAMES"}
	for _, name := range stripped {
		t.Setenv(name, "1")
	}
	t.Setenv("LISTEN_ADDR", "kept")
	// A descriptor that the process was started with and knows nothing of.
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], 0); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pipe[0])
	defer unix.Close(pipe[1])

	h := newHouse(t, settings{Secret: secret})
	h.next.Listeners = append(h.next.Listeners, h.listen("tcp", "tcp", "127.0.0.1:0"))
	h.start()
	h.mustReload(settings{Secret: secret, Answer: "two"}) // the second worker has not inherited from the first
	me := h.self(h.dial())

	if all := strings.Join(append(me.Args, me.Environment...), "\n"); strings.Contains(all, secret) || len(me.Args) != 1 {
		t.Errorf("arguments and environment: %s", all)
	}
	for _, entry := range me.Environment {
		if name, _, _ := strings.Cut(entry, "="); slices.Contains(stripped, name) {
			t.Errorf("the environment has %s", entry)
		}
	}
	if !slices.Contains(me.Environment, "LISTEN_ADDR=kept") {
		t.Error("the environment lacks what is not the parent's own")
	}
	wantFiles(t, me.Files, h.log.Name())
	if me.Group != me.Process {
		t.Errorf("process %d is in group %d: the worker has no process group of its own", me.Process, me.Group)
	}
	if name := fmt.Sprintf("%.15s", filepath.Base(me.Args[0])); me.Status["Name"] != name {
		t.Errorf("the process is called %s, not %s", me.Status["Name"], name)
	}
	if me.Dumpable {
		t.Error("the memory of the worker can be dumped")
	}
	if strings.Contains(h.logged(), secret) {
		t.Error("the secret is in the log")
	}
}

// A log that nobody reads any more (SIGPIPE) ends no worker.
func TestLogIsGone(t *testing.T) {
	h := newHouse(t, settings{Answer: "one"})
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer write.Close()
	h.parent.Command = workerCommand(write)
	h.start()
	c := h.dial()
	h.wantAnswer(c, "log", "logged")
	read.Close()
	h.wantAnswer(c, "log", "logged")
	h.wantAnswer(c, "?", "one")
}

// wantFiles checks what a worker with two listeners and one client has open.
func wantFiles(t *testing.T, files map[string]string, log string) {
	t.Helper()
	for fd, want := range map[string]string{"0": os.DevNull, "1": stdout(t), "2": log} {
		if files[fd] != want {
			t.Errorf("descriptor %s leads to %q, want %q", fd, files[fd], want)
		}
		delete(files, fd)
	}
	sockets := 0
	for fd, to := range files {
		switch {
		case strings.HasPrefix(to, "socket:"):
			sockets++
		case to == "anon_inode:[eventpoll]" || to == "anon_inode:[eventfd]" || strings.HasPrefix(to, "/sys/fs/cgroup/"):
			// the Go runtime's own
		default:
			t.Errorf("descriptor %s leads to %s", fd, to)
		}
	}
	if want := len([]string{"control", "listener main", "listener tcp", "client"}); sockets != want {
		t.Errorf("%d sockets, want %d: %v", sockets, want, files)
	}
}

func stdout(t *testing.T) string {
	t.Helper()
	to, err := os.Readlink("/proc/self/fd/1")
	if err != nil {
		t.Fatal(err)
	}
	return to
}
