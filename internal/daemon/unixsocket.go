package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	defaultMode = 0o660

	// postfixUser is the mail_owner of a stock main.cf.
	postfixUser = "postfix"

	// probeTime is how long a listener has to let us connect. One that is too
	// busy for that is alive.
	probeTime = time.Second

	// lockTime is how long another process may take to open or close a socket
	// in the same directory.
	lockTime = 2 * time.Second
	lockPoll = 10 * time.Millisecond
)

// listenUnix opens a unix socket at path.
func listenUnix(path string, spec ListenSpec) (net.Listener, error) {
	uid, gid, err := owners(spec)
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(path)
	if err := makeDir(dir); err != nil {
		return nil, fmt.Errorf("directory of the socket: %w", err)
	}
	unlock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := clearPath(path); err != nil {
		return nil, err
	}
	ln, err := bindUnix(path)
	if err != nil {
		return nil, err
	}
	if err := open(path, uid, gid, spec.Mode); err != nil {
		ln.Close()
		os.Remove(path)
		return nil, err
	}
	info, err := os.Lstat(path)
	if err != nil {
		ln.Close()
		return nil, err
	}
	return &unixListener{UnixListener: ln, path: path, ours: info}, nil
}

// bindUnix makes the socket with no permissions but the owner's: between bind
// and chown nobody else can connect.
func bindUnix(path string) (*net.UnixListener, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		// The mode of the socket before bind is that of the file it makes.
		err := c.Control(func(fd uintptr) { failed = unix.Fchmod(int(fd), 0o600) })
		return errors.Join(err, failed)
	}}
	ln, err := lc.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	u := ln.(*net.UnixListener)
	u.SetUnlinkOnClose(false) // unixListener.Close looks before it unlinks
	return u, nil
}

// open lets the clients in.
func open(path string, uid, gid int, mode fs.FileMode) error {
	if mode == 0 {
		mode = defaultMode
	}
	if !owns(path, uid, gid) {
		if err := os.Lchown(path, uid, gid); err != nil {
			return fmt.Errorf("owner of the socket: only root can give it away: %w", err)
		}
	}
	if err := os.Chmod(path, mode); err != nil {
		return fmt.Errorf("mode of the socket: %w", err)
	}
	return nil
}

// owns reports whether path has these owners already; -1 is any. Units that
// give nothing away forbid chown(2).
func owns(path string, uid, gid int) bool {
	var stat unix.Stat_t
	if err := unix.Lstat(path, &stat); err != nil {
		return false
	}
	return (uid < 0 || int(stat.Uid) == uid) && (gid < 0 || int(stat.Gid) == gid)
}

// clearPath makes sure that nothing is at path.
func clearPath(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return errors.New("there is a file that is not a socket: remove it or choose another path")
	}
	conn, err := net.DialTimeout("unix", path, probeTime)
	switch {
	case err == nil:
		conn.Close()
		return ErrTaken
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	case isTimeout(err): // EAGAIN is one: the queue of the listener is full
		return errors.New("already running: a busy process listens there")
	case errors.Is(err, syscall.EPROTOTYPE):
		return errors.New("there is a socket of another type: remove it or choose another path")
	}
	return fmt.Errorf("cannot tell whether a process listens there: %w", err)
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// makeDir makes dir and what is missing above it, with a mode that lets the
// clients pass whatever the umask is (UMask=0077 is common in units).
func makeDir(dir string) error {
	err := os.Mkdir(dir, 0o755)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeDir(filepath.Dir(dir)); err != nil {
			return err
		}
		err = os.Mkdir(dir, 0o755)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Chmod(dir, 0o755)
}

// owners turns names into numbers; -1 leaves what the process has.
func owners(spec ListenSpec) (uid, gid int, err error) {
	owner, group := spec.Owner, spec.Group
	if os.Geteuid() == 0 {
		if _, err := user.Lookup(postfixUser); owner == "" && err == nil {
			owner = postfixUser
		}
		if _, err := user.LookupGroup(postfixUser); group == "" && err == nil {
			group = postfixUser
		}
	}
	if uid, err = number(owner, lookupUser); err != nil {
		return 0, 0, fmt.Errorf("owner: %w", err)
	}
	if gid, err = number(group, lookupGroup); err != nil {
		return 0, 0, fmt.Errorf("group: %w", err)
	}
	return uid, gid, nil
}

func number(name string, lookup func(string) (string, error)) (int, error) {
	if name == "" {
		return -1, nil
	}
	if n, err := strconv.ParseUint(name, 10, 31); err == nil {
		return int(n), nil
	}
	id, err := lookup(name)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(id)
}

func lookupUser(name string) (string, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return "", err
	}
	return u.Uid, nil
}

func lookupGroup(name string) (string, error) {
	g, err := user.LookupGroup(name)
	if err != nil {
		return "", err
	}
	return g.Gid, nil
}

// lockDir keeps other processes of ours from opening or removing sockets in
// dir, so that of two that start at once one wins. The lock goes with the
// process, and leaves no file behind.
func lockDir(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	for until := time.Now().Add(lockTime); ; time.Sleep(lockPoll) {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) || time.Now().After(until) {
			f.Close()
			return nil, fmt.Errorf("lock: directory %s: another process holds it: %w", dir, err)
		}
	}
}

// unixListener removes its path when it closes.
type unixListener struct {
	*net.UnixListener
	path string
	ours fs.FileInfo
	once sync.Once
}

// Close removes the path, if it is still the one that we made, and closes the
// socket; in this order, so that the path never leads to a dead socket.
func (l *unixListener) Close() error {
	l.once.Do(l.unlink)
	return l.UnixListener.Close()
}

// unlink leaves the path alone where it cannot be sure.
func (l *unixListener) unlink() {
	unlock, err := lockDir(filepath.Dir(l.path))
	if err != nil {
		return
	}
	defer unlock()
	if info, err := os.Lstat(l.path); err == nil && os.SameFile(info, l.ours) {
		os.Remove(l.path)
	}
}
