package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// devLog is a syslog(3) for some processes only: they have a /dev of their own,
// in which /dev/log leads to a socket whose reader throws all away. The
// machine's /dev stays as it is.
type devLog struct {
	sink *helper
	self string
}

// startDevLog needs the right to unshare(2) mount points.
func (l *lab) startDevLog(ctx context.Context) (*devLog, error) {
	dir, err := l.folder()
	if err != nil {
		return nil, err
	}
	sink, err := l.startHelper(ctx, logSinkCommand, filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	d := &devLog{sink, l.self}
	if out, err := d.command("/bin/true").CombinedOutput(); err != nil {
		d.stop()
		return nil, fmt.Errorf("a /dev/log: %w: %s", err, out)
	}
	return d, nil
}

func (d *devLog) stop() { d.sink.stop() }

// command is a program that sees the /dev/log.
func (d *devLog) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(d.self, append([]string{devLogCommand, d.sink.address, program}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Unshareflags: syscall.CLONE_NEWNS}
	return cmd
}

// logSinkMain reads datagrams.
func logSinkMain(args []string) error {
	if len(args) != 1 {
		return errors.New("want the name of a socket")
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: args[0], Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	go swallow(conn)
	return helpUntilTheEnd(args[0])
}

func swallow(conn net.Conn) {
	for buf := make([]byte, 64<<10); ; {
		if _, err := conn.Read(buf); err != nil {
			return
		}
	}
}

// devLogMain sets up the /dev of a process that has mount points of its own,
// and becomes the program.
func devLogMain(args []string) error {
	if len(args) < 2 {
		return errors.New("want a socket and a program with its arguments")
	}
	if err := syscall.Mount("tmpfs", "/dev", "tmpfs", syscall.MS_NOSUID, "mode=0755,size=64k"); err != nil {
		return fmt.Errorf("/dev: %w", err)
	}
	for name, minor := range map[string]int{"null": 3, "zero": 5, "random": 8, "urandom": 9} {
		const memory = 1 // the major number, see Documentation/admin-guide/devices.txt of Linux
		if err := syscall.Mknod("/dev/"+name, syscall.S_IFCHR|0o666, memory<<8|minor); err != nil {
			return fmt.Errorf("/dev/%s: %w", name, err)
		}
	}
	if err := os.Symlink(args[0], "/dev/log"); err != nil {
		return err
	}
	return syscall.Exec(args[1], args[1:], os.Environ())
}
