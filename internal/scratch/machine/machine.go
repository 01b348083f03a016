package machine

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// Options says what the machine is made of.
type Options struct {
	Root     string   // a folder with a Debian; empty: this one
	Hostname string   // empty: "machine"
	Binds    []Bind   // what of this machine is visible inside, beside Root
	Env      []string // KEY=value, beside PATH, HOME and LC_ALL; nothing of ours is passed on

	// Boot runs Root's systemd as process 1, and the program when it is up.
	Boot bool
}

// Bind makes a file or folder of this machine visible inside.
type Bind struct {
	From     string
	To       string // empty: as From
	ReadOnly bool
}

// insideVariable tells a program that it is inside.
const insideVariable = "POSTERN_MACHINE"

// enter is the script of process 1: the files.
//
//go:embed enter.sh
var enter string

// run is how it goes on: the program.
//
//go:embed run.sh
var run string

// Inside reports whether this program runs in a machine.
func Inside() bool { return os.Getenv(insideVariable) != "" }

// TestFlags are the arguments of a test binary for the same one inside, without
// the flag whose file is outside: the log by which `go test` decides on cached
// results, which it writes itself if we do not.
func TestFlags(args []string) []string {
	return slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return strings.HasPrefix(arg, "-test.testlogfile=") })
}

// Run starts this very program with args in a new machine, in the folder where
// it stands now (Binds must hold it), with our standard input and output, and
// returns its exit status. An error means that the machine did not come up.
func Run(ctx context.Context, opts Options, args ...string) (status int, err error) {
	if os.Geteuid() != 0 {
		return 0, errors.New("machine: namespaces and mounts are for root only: run this as root (sudo)")
	}
	group := groupName()
	cmd, err := command(ctx, opts, group, args)
	if err != nil {
		return 0, fmt.Errorf("machine: %w", err)
	}
	said, err := runReporting(cmd, opts.Boot)
	if opts.Boot {
		sweep(group)
		return bootStatus(ctx, said, err)
	}
	if err == nil {
		return 0, nil
	}
	var exit *exec.ExitError
	if said != "up\n" || !errors.As(err, &exit) {
		return 0, fmt.Errorf("machine: it did not come up (%w): what is missing stands above", err)
	}
	if ctx.Err() != nil {
		return 0, fmt.Errorf("machine: %w", ctx.Err())
	}
	return exit.ExitCode(), nil
}

// command prepares process 1. Its arguments are those of enter.sh.
func command(ctx context.Context, opts Options, group string, args []string) (*exec.Cmd, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	binds := append(opts.Binds, Bind{From: program, To: programPath(program), ReadOnly: true})
	list, err := bindList(binds)
	if err != nil {
		return nil, err
	}
	script := enter + run
	if opts.Boot {
		script = enter + boot
	}
	scriptArgs := []string{"-c", script, "machine", group, orDefault(opts.Root, "/"), orDefault(opts.Hostname, "machine"), list, dir, programPath(program)}
	cmd := exec.CommandContext(ctx, "/bin/sh", append(scriptArgs, args...)...)
	cmd.Dir = "/"
	cmd.Env = append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8", insideVariable + "=1"}, opts.Env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
		Pdeathsig:  syscall.SIGKILL,
	}
	return cmd, nil
}

// programPath is where the program stands inside; /run is empty there.
func programPath(program string) string { return "/run/machine/" + filepath.Base(program) }

func orDefault(s, value string) string {
	if s == "" {
		return value
	}
	return s
}

// bindList is one line "ro FROM TO" or "rw FROM TO" for each, for the shell.
func bindList(binds []Bind) (string, error) {
	var list strings.Builder
	for _, b := range binds {
		mode := "rw"
		if b.ReadOnly {
			mode = "ro"
		}
		to := orDefault(b.To, b.From)
		if strings.ContainsAny(b.From+to, " \t\n\\") {
			return "", fmt.Errorf("bind %q to %q: a path with blanks is not supported", b.From, to)
		}
		fmt.Fprintf(&list, "%s %s %s\n", mode, b.From, to)
	}
	return list.String(), nil
}

// runReporting runs cmd to its end, and returns what the script says on
// descriptor 3. A machine that was booted ends when the script has said all.
//
// The parent of prctl(2) PR_SET_PDEATHSIG is a thread, not a process, so this
// one keeps its thread.
func runReporting(cmd *exec.Cmd, booted bool) (said string, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r, w, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer r.Close()
	cmd.ExtraFiles = []*os.File{w}
	err = cmd.Start()
	w.Close()
	if err != nil {
		return "", err
	}
	text, _ := io.ReadAll(r) // the end comes with the start of the program, its end, or with the end of the shell
	if booted {
		_ = cmd.Process.Kill() // it may have ended: Wait knows
	}
	return string(text), cmd.Wait()
}
