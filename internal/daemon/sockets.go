package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/sys/unix"
)

// Sockets opens listeners, first of those that were handed over. The zero
// value has none handed over.
type Sockets struct {
	mu        sync.Mutex
	inherited []*inherited
}

// inherited is one file that the parent process left open for us.
type inherited struct {
	file  *os.File
	name  string
	addr  net.Addr // nil: not a listening stream socket
	taken bool
}

// Inherit takes over the sockets that systemd, or a parent process that speaks
// sd_listen_fds(3), has left open, and removes LISTEN_PID, LISTEN_FDS and
// LISTEN_FDNAMES from the environment. It is called once in a process, early.
func Inherit() *Sockets {
	s := &Sockets{}
	for _, f := range activation.Files(true) {
		s.inherited = append(s.inherited, &inherited{file: f, name: f.Name(), addr: listenAddr(f)})
	}
	return s
}

// listenAddr is the address of a listening stream socket; nil for all else.
func listenAddr(f *os.File) net.Addr {
	fd := int(f.Fd()) // a file made from a descriptor stays as it is: not blocking
	listening, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil || listening == 0 {
		return nil
	}
	if kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); err != nil || kind != unix.SOCK_STREAM {
		return nil
	}
	ln, err := net.FileListener(f)
	if err != nil {
		return nil
	}
	defer ln.Close()
	return ln.Addr()
}

// Listen returns a listener for spec: the socket that was handed over for it,
// matched by name (fd:) or by its address, else a new one.
//
// A new TCP socket has SO_REUSEPORT, so that a successor of the same user can
// listen before this process has ended; who wants it alone has [ErrTaken]. A new unix socket gets owner, group
// and mode of spec before anybody can connect; by default that is 0660 and, if
// we are root and there is such a user, postfix:postfix. Missing parent
// directories are made (0755). A path where somebody listens is an error, a
// socket that nobody listens on is replaced, anything else is left alone and
// an error. Closing the listener removes the path, if it is still ours.
// Sockets handed over keep their path, owner and mode.
func (s *Sockets) Listen(spec ListenSpec) (net.Listener, error) {
	ln, err := s.listen(spec)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return ln, nil
}

func (s *Sockets) listen(spec ListenSpec) (net.Listener, error) {
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	at, err := ParseAt(spec.At)
	if err != nil {
		return nil, err
	}
	ln, err := s.take(at)
	switch {
	case err == nil && ln != nil:
		return ln, nil
	case err == nil && at.Kind == FD:
		err = errors.New("no such socket was handed over (LISTEN_FDNAMES): is the socket unit started, and has it this FileDescriptorName=?")
	case err == nil && at.Kind == Inet:
		ln, err = listenTCP(at, spec.Alone)
	case err == nil:
		ln, err = listenUnix(at.Path, spec)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	return ln, nil
}

// Unused describes the sockets that nothing has asked for. Clients may connect
// to these and will get no answer, so they are worth a warning.
func (s *Sockets) Unused() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for _, i := range s.inherited {
		switch {
		case i.taken:
		case i.addr == nil:
			list = append(list, fmt.Sprintf("fd:%s (not a listening stream socket)", i.name))
		default:
			list = append(list, fmt.Sprintf("fd:%s (%s)", i.name, i.addr))
		}
	}
	return list
}

// HandedOver reports whether Listen gave for spec a socket of the parent
// process, which goes on listening when this process has ended.
func (s *Sockets) HandedOver(spec ListenSpec) bool {
	at, err := ParseAt(spec.At)
	if err != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.inherited, func(i *inherited) bool { return i.taken && i.matches(at) })
}

// take returns the listener that was handed over for at, or nil.
func (s *Sockets) take(at Address) (net.Listener, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.inherited {
		if i.taken || !i.matches(at) {
			continue
		}
		if i.addr == nil {
			return nil, errors.New("what was handed over is not a listening stream socket")
		}
		ln, err := net.FileListener(i.file)
		if err != nil {
			return nil, fmt.Errorf("socket handed over: %w", err)
		}
		i.taken = true
		return ln, i.file.Close()
	}
	return nil, nil
}

func (i *inherited) matches(at Address) bool {
	switch addr := i.addr.(type) {
	case *net.TCPAddr:
		if at.Kind == Inet {
			return addr.Port == at.Port && sameHost(at.Host, addr.IP)
		}
	case *net.UnixAddr:
		if at.Kind == Unix {
			return addr.Name == at.Path
		}
	}
	return at.Kind == FD && at.Name == i.name
}

// sameHost reports whether host is ip, or both are every address.
func sameHost(host string, ip net.IP) bool {
	addrs, err := net.DefaultResolver.LookupIPAddr(context.Background(), host)
	if err != nil {
		return false
	}
	for _, a := range addrs {
		if a.IP.Equal(ip) || a.IP.IsUnspecified() && ip.IsUnspecified() {
			return true
		}
	}
	return false
}

// ErrTaken is that somebody listens already where we are to.
var ErrTaken = errors.New("already running: a process listens there")

// listenTCP opens a socket that shares its port with processes of our user. It
// does so even if it is to be alone: without SO_REUSEPORT the last connections
// of who had the port before would keep it for a minute.
func listenTCP(at Address, alone bool) (net.Listener, error) {
	if alone && answers(at) {
		return nil, ErrTaken
	}
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) {
			failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		})
		return errors.Join(err, failed)
	}}
	ln, err := lc.Listen(context.Background(), "tcp", at.hostPort())
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("another program has the port: %w", err)
	}
	return ln, err
}

// answers reports whether somebody accepts connections at a port of this host.
func answers(at Address) bool {
	if at.Port == 0 {
		return false // any that is free
	}
	conn, err := net.DialTimeout("tcp", at.hostPort(), probeTime)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}
