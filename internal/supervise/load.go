package supervise

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Load is one reading of the configuration.
type Load struct {
	// Settings is what a worker gets, secrets included, as encoding/json writes
	// it; 64 MiB at most.
	Settings any

	// Listeners are the sockets that the worker accepts from, in the order in
	// which it gets them.
	Listeners []Listener

	Confinement Confinement
}

// Listener is a listening socket and the name by which a worker finds it.
// Names differ within a Load. In the parent it is a *net.TCPListener, a
// *net.UnixListener or anything that has their SyscallConn.
type Listener struct {
	Name string
	net.Listener
}

// Confinement is what a worker gives up before it opens anything. A field that
// is empty keeps what the parent has.
type Confinement struct {
	// User is a name, or a number that passwd(5) knows. The worker gets the
	// user's own group, and no supplementary ones.
	User string

	// Chroot is the directory that becomes the root of the worker.
	Chroot string
}

// identity is a Confinement that needs no passwd(5) any more.
type identity struct {
	User   string `json:"user,omitempty"` // for messages; empty keeps the user
	UID    int    `json:"uid"`
	GID    int    `json:"gid"`
	Chroot string `json:"chroot,omitempty"`
}

// resolve looks the user up while there is a passwd(5) to read.
func (c Confinement) resolve() (identity, error) {
	var i identity
	if c.Chroot != "" {
		dir, err := filepath.Abs(c.Chroot)
		if err != nil {
			return i, fmt.Errorf("chroot: %w", err)
		}
		i.Chroot = dir
	}
	if c.User == "" {
		return i, nil
	}
	u, err := user.Lookup(c.User)
	if err != nil {
		byID, idErr := user.LookupId(c.User)
		if idErr != nil {
			return i, fmt.Errorf("user %q: %w", c.User, err)
		}
		u = byID
	}
	i.User = c.User
	if i.UID, err = strconv.Atoi(u.Uid); err != nil {
		return i, fmt.Errorf("user %q: uid: %w", c.User, err)
	}
	if i.GID, err = strconv.Atoi(u.Gid); err != nil {
		return i, fmt.Errorf("user %q: gid: %w", c.User, err)
	}
	return i, nil
}

// loaded is a Load as workers are started from it, again and again.
type loaded struct {
	settings  json.RawMessage
	listeners []Listener
	identity  identity
}

// freeze makes l independent of its caller, and of the files it was read from.
// The listeners are in the result even if there is an error.
func (l Load) freeze() (*loaded, error) {
	frozen := &loaded{listeners: append([]Listener(nil), l.Listeners...)}
	names := map[string]bool{}
	for _, ln := range l.Listeners {
		if names[ln.Name] {
			return frozen, fmt.Errorf("listeners: two have the name %q", ln.Name)
		}
		names[ln.Name] = true
	}
	var err error
	if frozen.identity, err = l.Confinement.resolve(); err != nil {
		return frozen, err
	}
	if frozen.settings, err = json.Marshal(l.Settings); err != nil {
		return frozen, fmt.Errorf("settings: %w", err)
	}
	if n := len(frozen.settings); n > maxOrder-maxReport {
		return frozen, fmt.Errorf("settings: %d bytes, at most %d reach a worker", n, maxOrder-maxReport)
	}
	return frozen, nil
}

// held are the listeners of l, which may be nil.
func (l *loaded) held() []Listener {
	if l == nil {
		return nil
	}
	return append([]Listener(nil), l.listeners...)
}

// closeAllBut closes the listeners that other, which may be nil, has not.
func (l *loaded) closeAllBut(other *loaded) {
	kept := map[net.Listener]bool{}
	for _, ln := range other.held() {
		kept[ln.Listener] = true
	}
	for _, ln := range l.held() {
		if !kept[ln.Listener] {
			ln.Close()
		}
	}
}

// names are those of the listeners, in order.
func (l *loaded) names() []string {
	names := make([]string, 0, len(l.listeners))
	for _, ln := range l.listeners {
		names = append(names, ln.Name)
	}
	return names
}

// files duplicates the sockets, for a worker to inherit.
func (l *loaded) files() ([]*os.File, error) {
	var files []*os.File
	for _, ln := range l.listeners {
		f, err := duplicate(ln)
		if err != nil {
			closeFiles(files)
			return nil, fmt.Errorf("listener %s: %w", ln.Name, err)
		}
		files = append(files, f)
	}
	return files, nil
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// duplicate returns a file that leads to the socket of ln. The File method of
// the net package will not do: its result puts the socket into blocking mode
// when a process is started with it, for everybody who shares the socket, and
// an Accept that is blocked in the kernel can no longer be ended.
func duplicate(ln Listener) (*os.File, error) {
	sc, ok := ln.Listener.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("%T has no SyscallConn: it cannot be handed to a worker", ln.Listener)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd, failed := -1, error(nil)
	err = raw.Control(func(s uintptr) { fd, failed = unix.FcntlInt(s, unix.F_DUPFD_CLOEXEC, 3) })
	if err := errors.Join(err, failed); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), ln.Name), nil
}
