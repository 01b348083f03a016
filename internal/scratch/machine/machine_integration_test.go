//go:build integration

package machine_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"postern/internal/scratch/machine"
)

// patience is the limit of waiting for what must come.
const patience = 2 * time.Minute

// hostVariable makes this program one that runs a machine, and may be killed.
const hostVariable = "MACHINE_TEST_HOST"

// TestMain is the tests, or inside a machine the helper that the argument names.
func TestMain(m *testing.M) {
	switch {
	case machine.Inside():
		if err := helpers()[os.Args[1]](os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(7)
	case os.Getenv(hostVariable) != "":
		dir := os.Getenv(hostVariable)
		_, err := machine.Run(context.Background(), machine.Options{Binds: []machine.Bind{{From: dir}, here()}}, "listen", dir)
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// here lets a machine see the folder of this package.
func here() machine.Bind {
	dir, _ := os.Getwd() // an empty one fails in Run
	return machine.Bind{From: dir, ReadOnly: true}
}

// helpers run inside. One that is content ends with status 7.
func helpers() map[string]func([]string) error {
	return map[string]func([]string) error{
		"nothing": func([]string) error { return nil },
		"alone":   alone,
		"write":   func(args []string) error { return os.WriteFile(filepath.Join(args[0], "written"), []byte("x"), 0o644) },
		"outside": outside,
		"syslog":  syslog,
		"orphans": orphans,
		"booted":  booted,
		"sh":      func(args []string) error { return shell(args[0]) },
		"listen": func(args []string) error {
			l, err := net.Listen("unix", filepath.Join(args[0], "alive"))
			if err != nil {
				return err
			}
			for {
				if _, err := l.Accept(); err != nil {
					return err
				}
			}
		},
	}
}

// inside runs a helper and returns its exit status.
func inside(t *testing.T, opts machine.Options, args ...string) int {
	t.Helper()
	opts.Binds = append(opts.Binds, here())
	status, err := machine.Run(t.Context(), opts, args...)
	if err != nil {
		t.Fatal(err)
	}
	return status
}

func TestStatusOfTheProgram(t *testing.T) {
	if status := inside(t, machine.Options{}, "nothing"); status != 7 {
		t.Errorf("status %d, want 7", status)
	}
	if status := inside(t, machine.Options{}, "write", "/nowhere/at/all"); status != 1 {
		t.Errorf("status %d, want 1", status)
	}
}

// marked is a file that is written inside and must not be seen outside.
const marked = "/etc/postern-machine-test"

// alone looks at the machine as a program inside does.
func alone([]string) error {
	if name, err := os.Hostname(); err != nil || name != "alone.test" {
		return fmt.Errorf("hostname %q, %v", name, err)
	}
	if err := os.WriteFile(marked, nil, 0o644); err != nil {
		return err
	}
	interfaces, err := net.Interfaces()
	if err != nil || len(interfaces) != 1 || interfaces[0].Flags&net.FlagUp == 0 {
		return fmt.Errorf("interfaces %v, %v; want lo alone, and up", interfaces, err)
	}
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil || len(processes) > 2 {
		return fmt.Errorf("processes %v, %v; want the shell and us", processes, err)
	}
	for _, dir := range []string{"/tmp", "/run"} {
		if entries, err := os.ReadDir(dir); err != nil || len(entries) > 1 { // us, in /run
			return fmt.Errorf("%s has %v, %v", dir, entries, err)
		}
	}
	_, err = net.Listen("tcp", ":25")
	return err
}

func TestAMachineIsAlone(t *testing.T) {
	if status := inside(t, machine.Options{Hostname: "alone.test"}, "alone"); status != 7 {
		t.Errorf("status %d", status)
	}
	if _, err := os.Stat(marked); err == nil {
		t.Errorf("%s was written on this machine", marked)
	}
	if name, _ := os.Hostname(); name == "alone.test" {
		t.Error("the hostname of this machine was changed")
	}
}

func TestBinds(t *testing.T) {
	dir := t.TempDir()
	if status := inside(t, machine.Options{Binds: []machine.Bind{{From: dir, To: "/srv/bound", ReadOnly: true}}}, "write", "/srv/bound"); status != 1 {
		t.Errorf("a read-only folder was written to: status %d", status)
	}
	if status := inside(t, machine.Options{Binds: []machine.Bind{{From: dir}}}, "write", dir); status != 7 {
		t.Errorf("status %d", status)
	}
	if _, err := os.Stat(filepath.Join(dir, "written")); err != nil {
		t.Error(err)
	}
}

func TestWhatIsMissingIsAnError(t *testing.T) {
	for name, opts := range map[string]machine.Options{
		"root":            {Root: "/no/such/root"},
		"bind":            {Binds: []machine.Bind{{From: "/no/such/folder"}}},
		"path with blank": {Binds: []machine.Bind{{From: "/tmp/a b"}}},
	} {
		if status, err := machine.Run(t.Context(), opts, "nothing"); err == nil {
			t.Errorf("%s: status %d and no error", name, status)
		}
	}
}

// TestAKilledHostLeavesNothing kills the program that runs a machine.
func TestAKilledHostLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	host := exec.Command(program)
	host.Env = append(os.Environ(), hostVariable+"="+dir)
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	alive := func() bool {
		conn, err := net.Dial("unix", filepath.Join(dir, "alive"))
		if err == nil {
			conn.Close()
		}
		return err == nil
	}
	await(t, "the machine is up", alive)
	if err := host.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	host.Wait()
	await(t, "the machine is gone", func() bool { return !alive() })
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// outside has a server of the world and one of ours on the same port, and
// clients that come from where they say.
func outside([]string) error {
	world, err := machine.NewOutside(context.Background())
	if err != nil {
		return err
	}
	theirs, err := world.Listen("203.0.113.5:25")
	if err != nil {
		return err
	}
	ours, err := net.Listen("tcp4", ":25")
	if err != nil {
		return err
	}
	go greet(theirs)
	go greet(ours)
	client, err := world.Dial(context.Background(), "198.51.100.9", machine.HostAddr+":25")
	if err := greeted(client, err, "198.51.100.9"); err != nil {
		return fmt.Errorf("from outside: %w", err)
	}
	client, err = net.Dial("tcp4", "203.0.113.5:25")
	return greeted(client, err, machine.HostAddr)
}

// greet tells each client its address.
func greet(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		host, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
		fmt.Fprintln(conn, host)
		conn.Close()
	}
}

func greeted(conn net.Conn, err error, want string) error {
	if err != nil {
		return err
	}
	defer conn.Close()
	if line, err := bufio.NewReader(conn).ReadString('\n'); strings.TrimSpace(line) != want {
		return fmt.Errorf("came from %q, %v; want %s", line, err, want)
	}
	return nil
}

func TestTheOutside(t *testing.T) {
	if status := inside(t, machine.Options{}, "outside"); status != 7 {
		t.Errorf("status %d", status)
	}
	if _, err := machine.NewOutside(t.Context()); err == nil {
		t.Error("this machine got an outside")
	}
}

// syslog logs with logger(1) and reads it.
func syslog([]string) error {
	log, err := machine.NewSyslog()
	if err != nil {
		return err
	}
	defer log.Close()
	if out, err := exec.Command("logger", "-t", "tester", "first").CombinedOutput(); err != nil {
		return fmt.Errorf("logger: %w: %s", err, out)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := log.Wait(ctx, 0, regexp.MustCompile(`tester.*: (first)\n`)); err != nil {
		return err
	}
	mark := log.Len()
	if out, err := exec.Command("logger", "-t", "tester", "second").CombinedOutput(); err != nil {
		return fmt.Errorf("logger: %w: %s", err, out)
	}
	found, err := log.Wait(ctx, mark, regexp.MustCompile(`tester.*: (\w+)\n`))
	if err != nil || found[1] != "second" {
		return fmt.Errorf("found %q, %w", found, err)
	}
	return nil
}

func TestSyslog(t *testing.T) {
	if status := inside(t, machine.Options{}, "syslog"); status != 7 {
		t.Errorf("status %d", status)
	}
	if _, err := machine.NewSyslog(); err == nil {
		t.Error("this machine's /dev/log was taken")
	}
}

// orphans leaves a process to process 1, which must bury it: `postfix stop`
// waits for that.
func orphans([]string) error {
	out, err := exec.Command("/bin/sh", "-c", "sleep 0.1 >/dev/null 2>&1 & echo $!").Output()
	if err != nil {
		return err
	}
	proc := "/proc/" + strings.TrimSpace(string(out))
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(proc); err != nil {
			return nil
		}
	}
	status, err := os.Open(proc + "/status")
	if err != nil {
		return err
	}
	text, err := io.ReadAll(status)
	return fmt.Errorf("it is still there, %v:\n%s", err, text)
}

func TestOrphansAreBuried(t *testing.T) {
	if status := inside(t, machine.Options{}, "orphans"); status != 7 {
		t.Errorf("status %d", status)
	}
}
