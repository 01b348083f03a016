package main

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// listenLocked listens at path and locks it; log holds what was warned of.
func listenLocked(t *testing.T, path string) (ln net.Listener, log string, err error) {
	t.Helper()
	plain, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	ln, err = lockListener(plain, path, slog.New(slog.NewTextHandler(&text, nil)))
	return ln, text.String(), err
}

// holdLock takes the lock of a socket as PostSRSd does.
func holdLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path+".lock", os.O_RDONLY|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// TestLockKeepsPostSRSdOut: it finds the lock taken until the listener is closed.
func TestLockKeepsPostSRSdOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "srs")
	if err := os.WriteFile(path+".lock", nil, 0o600); err != nil { // of one that was killed
		t.Fatal(err)
	}
	ln, log, err := listenLocked(t, path)
	if err != nil || log != "" {
		t.Fatal(err, log)
	}
	if _, ok := ln.(syscall.Conn); !ok {
		t.Errorf("%T cannot be handed to a worker", ln)
	}
	if _, err := holdLock(path); !errors.Is(err, unix.EWOULDBLOCK) {
		t.Errorf("PostSRSd gets the lock: %v", err)
	}
	if err := ln.Close(); err != nil {
		t.Error(err)
	}
	for _, left := range []string{path, path + ".lock"} {
		if _, err := os.Lstat(left); !os.IsNotExist(err) {
			t.Errorf("%s is left behind: %v", left, err)
		}
	}
	f, err := holdLock(path)
	if err != nil {
		t.Fatal("the lock is not free after the end:", err)
	}
	f.Close()
}

// TestLockOfPostSRSd is there first.
func TestLockOfPostSRSd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "srs")
	theirs, err := holdLock(path)
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	_, _, err = listenLocked(t, path)
	if !errors.Is(err, errSocketLocked) || !strings.HasPrefix(err.Error(), "listen: unix:"+path+": "+path+".lock: another process has the lock") {
		t.Errorf("%v", err)
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is left behind: %v", err)
	}
	if !isAt(theirs, path+".lock") {
		t.Error("the lock file of the other was removed")
	}
}

// TestLockThatCannotBeHad is done without.
func TestLockThatCannotBeHad(t *testing.T) {
	for name, place := range map[string]func(path string) error{
		"folder": func(path string) error { return os.Mkdir(path, 0o700) },
		"link":   func(path string) error { return os.Symlink("elsewhere", path) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "srs")
			if err := place(path + ".lock"); err != nil {
				t.Fatal(err)
			}
			ln, log, err := listenLocked(t, path)
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			if !strings.Contains(log, "the socket has no lock") {
				t.Errorf("no warning: %q", log)
			}
			if c, err := net.Dial("unix", path); err != nil {
				t.Error(err)
			} else {
				c.Close()
			}
		})
	}
}

// TestLockIsOnes: of many that come and go, no two have it at a time, although
// each removes the file.
func TestLockIsOnes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "srs.lock")
	var holders, taken atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				f, err := lockFile(path)
				if errors.Is(err, errSocketLocked) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if n := holders.Add(1); n != 1 {
					t.Errorf("%d have the lock", n)
				}
				taken.Add(1)
				holders.Add(-1)
				os.Remove(path)
				f.Close()
			}
		})
	}
	wg.Wait()
	if taken.Load() == 0 {
		t.Error("nobody ever had it")
	}
}
