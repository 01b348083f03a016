package doctor

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/user"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// connect opens a connection from a thread that has become a process of
// Postfix: the folder and the root folder of a thread are its own after
// unshare(2), and its user is, if the system call is made for it alone. The
// thread ends with its goroutine, which does not give it back.
func (p Process) connect(ctx context.Context, q Question) (net.Conn, error) {
	if os.Geteuid() != 0 {
		return nil, ErrNoRight
	}
	owner, err := user.Lookup(p.User)
	if err != nil {
		return nil, fmt.Errorf("%w: mail_owner %s: %w", ErrNoRight, p.User, err)
	}
	address, err := socketAddress(ctx, q.Socket)
	if err != nil {
		return nil, err
	}
	type result struct {
		fd  int
		err error
	}
	done := make(chan result, 1)
	deadline, _ := ctx.Deadline()
	go func() {
		runtime.LockOSThread()
		fd, err := -1, p.become(owner, q.Chroot)
		if err == nil {
			fd, err = dial(address, time.Until(deadline))
		}
		done <- result{fd, err}
	}()
	r := <-done
	if r.err != nil {
		return nil, r.err
	}
	f := os.NewFile(uintptr(r.fd), q.Socket)
	defer f.Close()
	return net.FileConn(f)
}

// become makes the thread a process of Postfix.
func (p Process) become(owner *user.User, chroot bool) error {
	uid, _ := strconv.Atoi(owner.Uid)
	gid, _ := strconv.Atoi(owner.Gid)
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("%w: unshare: %w", ErrNoRight, err)
	}
	if err := unix.Chdir(p.Queue); err != nil {
		return fmt.Errorf("queue_directory %s: %w", p.Queue, err)
	}
	if chroot {
		if err := unix.Chroot("."); err != nil {
			return fmt.Errorf("%w: chroot %s: %w", ErrNoRight, p.Queue, err)
		}
	}
	return becomeUser(uint32(uid), uint32(gid))
}

// dial connects without Go's network poller, whose threads are others.
func dial(address unix.Sockaddr, timeout time.Duration) (int, error) {
	family := unix.AF_UNIX
	switch address.(type) {
	case *unix.SockaddrInet4:
		family = unix.AF_INET
	case *unix.SockaddrInet6:
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	limit := unix.NsecToTimeval(max(timeout, time.Millisecond).Nanoseconds())
	err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit) // bounds connect(2)
	if err == nil {
		err = unix.Connect(fd, address)
	}
	if err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("connect", err)
	}
	return fd, nil
}

// socketAddress is where a question goes. Names are resolved outside the
// chroot; that they may not be known inside is a finding of its own.
func socketAddress(ctx context.Context, socket string) (unix.Sockaddr, error) {
	if path, ok := strings.CutPrefix(socket, "unix:"); ok {
		return &unix.SockaddrUnix{Name: path}, nil
	}
	host, port, err := net.SplitHostPort(strings.TrimPrefix(socket, "inet:"))
	if err != nil {
		return nil, err
	}
	number, err := net.DefaultResolver.LookupPort(ctx, "tcp", port)
	if err != nil {
		return nil, err
	}
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	return inetAddress(addresses, number), nil
}

// inetAddress prefers IPv4, which is what daemons on loopback listen on.
func inetAddress(addresses []netip.Addr, port int) unix.Sockaddr {
	for _, a := range addresses {
		if a = a.Unmap(); a.Is4() {
			return &unix.SockaddrInet4{Port: port, Addr: a.As4()}
		}
	}
	return &unix.SockaddrInet6{Port: port, Addr: addresses[0].As16()}
}
