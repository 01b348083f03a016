package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// errSocketLocked is for a socket that another daemon has.
var errSocketLocked = errors.New("another process has the lock of this socket: a PostSRSd that still runs? Stop it first (systemctl stop postsrsd)")

// lockedListener is a unix socket together with the lock that PostSRSd 2.x has
// for it: flock(2) on PATH.lock. Without it, a PostSRSd that is started by
// mistake would remove the socket and listen in our place, unnoticed.
type lockedListener struct {
	net.Listener
	syscall.Conn // of the same socket, for supervise
	lock         *os.File
}

// lockListener locks the socket of ln at path, or closes ln. Where a lock cannot
// be had at all it does without, as PostSRSd.
func lockListener(ln net.Listener, path string, log *slog.Logger) (net.Listener, error) {
	conn, ok := ln.(syscall.Conn)
	if !ok {
		return ln, nil // supervise says what is wrong with it
	}
	lock, err := lockFile(path + ".lock")
	switch {
	case errors.Is(err, errSocketLocked):
		return nil, errors.Join(fmt.Errorf("listen: unix:%s: %w", path, err), ln.Close())
	case err != nil:
		log.Warn("the socket has no lock: a PostSRSd that is started by mistake would take its place", "socket", path, "error", err)
		return ln, nil
	}
	return &lockedListener{Listener: ln, Conn: conn, lock: lock}, nil
}

// Close closes the socket, removes the lock file and lets go of it, in this
// order: who has the lock of a file that is there is alone.
func (l *lockedListener) Close() error {
	err := l.Listener.Close()
	if isAt(l.lock, l.lock.Name()) {
		os.Remove(l.lock.Name())
	}
	l.lock.Close()
	return err
}

// lockFile makes the file if need be and locks it.
func lockFile(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDONLY|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, err
		}
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil && isAt(f, path) {
			return f, nil
		}
		f.Close()
		switch {
		case errors.Is(err, unix.EWOULDBLOCK):
			return nil, fmt.Errorf("%s: %w", path, errSocketLocked)
		case err != nil:
			return nil, &fs.PathError{Op: "flock", Path: path, Err: err}
		}
		// Who had it has removed the file that we opened: another try.
	}
}

// isAt reports whether f is the file at path.
func isAt(f *os.File, path string) bool {
	ours, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(path)
	return err == nil && os.SameFile(ours, there)
}
