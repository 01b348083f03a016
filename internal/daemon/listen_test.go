package daemon_test

import (
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
	"testing"

	"golang.org/x/sys/unix"

	"postern/internal/daemon"
)

// listen opens a unix socket of the test's own user at path.
func listen(path string) (net.Listener, error) {
	return new(daemon.Sockets).Listen(daemon.ListenSpec{At: "unix:" + path})
}

func mustListen(t *testing.T, path string) net.Listener {
	t.Helper()
	ln, err := listen(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

// deadSocket leaves a socket at path that nobody listens on.
func deadSocket(t *testing.T, path string) {
	t.Helper()
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ln.SetUnlinkOnClose(false)
	ln.Close()
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func canConnect(t *testing.T, path string) {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Error(err)
		return
	}
	c.Close()
}

func TestUnixSocketIsOpenedAndRemoved(t *testing.T) {
	old := unix.Umask(0o077) // as units often have it
	defer unix.Umask(old)
	path := filepath.Join(t.TempDir(), "new", "dirs", "socket")
	ln := mustListen(t, path)
	canConnect(t, path)
	if ln.Addr().String() != path {
		t.Errorf("address %s", ln.Addr())
	}
	if m := mode(t, path); m != 0o660 {
		t.Errorf("mode %o", m)
	}
	for _, dir := range []string{filepath.Dir(path), filepath.Dir(filepath.Dir(path))} {
		if m := mode(t, dir); m != 0o755 {
			t.Errorf("mode of %s: %o", dir, m)
		}
	}
	if err := ln.Close(); err != nil {
		t.Error(err)
	}
	if exists(path) {
		t.Error("the path is still there")
	}
	if err := ln.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("second close: %v", err)
	}
}

func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

func TestWhatStandsAtThePath(t *testing.T) {
	tests := []struct {
		name  string
		place func(t *testing.T, path string)
		err   string // "": it is replaced
	}{
		{"dead socket", deadSocket, ""},
		{"live socket", func(t *testing.T, path string) { mustListen(t, path) }, "already running"},
		{"file", func(t *testing.T, path string) { os.WriteFile(path, []byte("precious"), 0o600) }, "not a socket: remove it or choose another path"},
		{"directory", func(t *testing.T, path string) { os.Mkdir(path, 0o755) }, "not a socket"},
		{"link to a dead socket", func(t *testing.T, path string) {
			deadSocket(t, path+".other")
			os.Symlink(path+".other", path)
		}, "not a socket"},
		{"datagram socket", func(t *testing.T, path string) {
			c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
		}, "socket of another type"},
		{"live socket with a full queue", fullQueue, "already running: a busy process"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			tt.place(t, path)
			before, _ := os.Lstat(path)
			ln, err := listen(path)
			if tt.err == "" {
				if err != nil {
					t.Fatal(err)
				}
				canConnect(t, path)
				ln.Close()
				return
			}
			wantError(t, err, tt.err, "listen: unix:"+path)
			if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
				t.Errorf("what was there was changed: %v", err)
			}
		})
	}
}

// fullQueue listens at path with a queue that no one more fits into.
func fullQueue(t *testing.T, path string) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	for {
		c, err := net.Dial("unix", path)
		if errors.Is(err, syscall.EAGAIN) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
	}
}

// A process that stops must not remove the socket of its successor.
func TestSuccessorsSocketIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	old := mustListen(t, path)
	os.Remove(path) // by whomever
	next := mustListen(t, path)
	if err := old.Close(); err != nil {
		t.Error(err)
	}
	canConnect(t, path)
	next.Close()
	if exists(path) {
		t.Error("the successor's path is still there after its end")
	}
}

func TestOfManyThatStartAtOnceOneWins(t *testing.T) {
	for range 20 {
		path := filepath.Join(t.TempDir(), "s")
		deadSocket(t, path)
		var wg sync.WaitGroup
		won := make(chan net.Listener, 8)
		for range 8 {
			wg.Go(func() {
				ln, err := listen(path)
				if err == nil {
					won <- ln
				} else {
					wantError(t, err, "already running")
				}
			})
		}
		wg.Wait()
		if len(won) != 1 {
			t.Fatalf("%d of 8 have won", len(won))
		}
		canConnect(t, path)
		(<-won).Close()
	}
}

// A directory that another process holds for too long is an error, not a hang.
func TestDirectoryThatIsHeld(t *testing.T) {
	dir := t.TempDir()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	_, err = listen(filepath.Join(dir, "s"))
	wantError(t, err, "lock: directory "+dir, "another process holds it")
}

func TestOwnerGroupMode(t *testing.T) {
	me, mine := strconv.Itoa(os.Geteuid()), strconv.Itoa(os.Getegid())
	self, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	wantUID, wantGID := me, mine // of the default
	if u, err := user.Lookup("postfix"); err == nil && me == "0" {
		wantUID, wantGID = u.Uid, u.Gid
	}
	tests := []struct {
		name     string
		spec     daemon.ListenSpec
		uid, gid string
		mode     fs.FileMode
		err      string
	}{
		{"default", daemon.ListenSpec{}, wantUID, wantGID, 0o660, ""},
		{"by number", daemon.ListenSpec{Owner: me, Group: mine, Mode: 0o600}, me, mine, 0o600, ""},
		{"by name", daemon.ListenSpec{Owner: self.Username, Group: mine, Mode: 0o666}, me, mine, 0o666, ""},
		{"no such user", daemon.ListenSpec{Owner: "no-such-user"}, "", "", 0, "owner: user: unknown user no-such-user"},
		{"no such group", daemon.ListenSpec{Group: "no-such-group"}, "", "", 0, "group: group: unknown group no-such-group"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			tt.spec.At = "unix:" + path
			ln, err := new(daemon.Sockets).Listen(tt.spec)
			if tt.err != "" {
				wantError(t, err, tt.err)
				if exists(path) {
					t.Error("a socket was left behind")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			st := info.Sys().(*syscall.Stat_t)
			if uid, gid := fmt.Sprint(st.Uid), fmt.Sprint(st.Gid); uid != tt.uid || gid != tt.gid || info.Mode().Perm() != tt.mode {
				t.Errorf("%s:%s %o, want %s:%s %o", uid, gid, info.Mode().Perm(), tt.uid, tt.gid, tt.mode)
			}
		})
	}
}

func TestPortIsShared(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "localhost"} {
		first, err := new(daemon.Sockets).Listen(daemon.ListenSpec{At: "inet:" + host + ":0"})
		if err != nil {
			t.Fatal(err)
		}
		defer first.Close()
		_, port, _ := net.SplitHostPort(first.Addr().String())
		second, err := new(daemon.Sockets).Listen(daemon.ListenSpec{At: "inet:" + host + ":" + port})
		if err != nil {
			t.Fatal(err)
		}
		second.Close()
	}
}

// Who wants a port alone gets none where somebody listens, but one that is free
// again at once.
func TestPortAlone(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "0.0.0.0", "localhost"} {
		t.Run(host, func(t *testing.T) {
			first, err := new(daemon.Sockets).Listen(daemon.ListenSpec{At: "inet:" + host + ":0", Alone: true})
			if err != nil {
				t.Fatal(err)
			}
			_, port, _ := net.SplitHostPort(first.Addr().String())
			spec := daemon.ListenSpec{At: "inet:" + host + ":" + port, Alone: true}
			_, err = new(daemon.Sockets).Listen(spec)
			wantError(t, err, "listen: "+spec.At, "already running: a process listens there")
			if !errors.Is(err, daemon.ErrTaken) {
				t.Errorf("%v is not ErrTaken", err)
			}
			leaveConnection(t, first)
			first.Close()
			again, err := new(daemon.Sockets).Listen(spec)
			if err != nil {
				t.Fatal("after the end:", err)
			}
			again.Close()
		})
	}
}

// leaveConnection has ln's side close a connection, so that the kernel keeps the
// port for it (TIME-WAIT).
func leaveConnection(t *testing.T, ln net.Listener) {
	t.Helper()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	for range 2 { // the first is that of who asked whether somebody listens
		client, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Fatal(err)
		}
		server, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		server.Close()
		client.Close()
	}
}

func TestPortOfAnotherProgram(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	_, err = new(daemon.Sockets).Listen(daemon.ListenSpec{At: "inet:" + other.Addr().String()})
	wantError(t, err, "listen: inet:"+other.Addr().String(), "another program has the port")
}

func TestListenChecksItsSpec(t *testing.T) {
	_, err := new(daemon.Sockets).Listen(daemon.ListenSpec{At: "inet:127.0.0.1:1", Mode: 0o600})
	wantError(t, err, "listen: ", "belong to a unix: socket")
	_, err = new(daemon.Sockets).Listen(daemon.ListenSpec{At: "fd:socketmap"})
	wantError(t, err, "listen: fd:socketmap: no such socket was handed over")
}
