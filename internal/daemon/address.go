package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"strconv"
	"strings"
)

// ListenSpec says where to listen and, for a unix socket, who may connect.
type ListenSpec struct {
	At    string      // inet:HOST:PORT, unix:/PATH or fd:NAME, see [ParseAt]
	Owner string      // user name or number; see [Sockets.Listen] for the default
	Group string      // group name or number
	Mode  fs.FileMode // permission bits; 0 is 0660
	Alone bool        // inet: it is an error if somebody listens there already
}

// Validate tells what is wrong with the words of s. It opens nothing.
func (s ListenSpec) Validate() error {
	at, err := ParseAt(s.At)
	if err != nil {
		return err
	}
	if at.Kind != Unix && (s.Owner != "" || s.Group != "" || s.Mode != 0) {
		return fmt.Errorf("%s: owner, group and mode belong to a unix: socket", s.At)
	}
	if s.Mode&^fs.ModePerm != 0 {
		return fmt.Errorf("%s: mode: %#o has more than the permission bits (0777)", s.At, uint32(s.Mode))
	}
	return nil
}

// Kind is the kind of an address.
type Kind string

// The kinds of addresses, as they are written before the colon.
const (
	Inet Kind = "inet"
	Unix Kind = "unix"
	FD   Kind = "fd"
)

// Address is a parsed At.
type Address struct {
	Kind Kind
	Host string // Inet: a name or an IP address without brackets
	Port int    // Inet: 0 lets the kernel choose
	Path string // Unix: absolute and clean
	Name string // FD: the FileDescriptorName= of systemd.socket(5)
}

// String spells the address as ParseAt reads it.
func (a Address) String() string {
	switch a.Kind {
	case Inet:
		return "inet:" + a.hostPort()
	case Unix:
		return "unix:" + a.Path
	}
	return "fd:" + a.Name
}

func (a Address) hostPort() string {
	return net.JoinHostPort(a.Host, strconv.Itoa(a.Port))
}

// longestPath is what sun_path of unix(7) can hold besides the final NUL.
const longestPath = 107

// ParseAt reads an address in Postfix's spelling.
func ParseAt(at string) (Address, error) {
	kind, rest, found := strings.Cut(at, ":")
	var a Address
	var err error
	switch {
	case found && kind == string(Inet):
		a, err = parseInet(rest)
	case found && kind == string(Unix):
		a, err = parseUnix(rest)
	case found && kind == string(FD):
		a, err = parseFD(rest)
	default:
		err = errors.New("want inet:HOST:PORT, unix:/PATH or fd:NAME")
	}
	if err != nil {
		return Address{}, fmt.Errorf("address %.200q: %w", at, err)
	}
	return a, nil
}

func parseInet(s string) (Address, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		switch {
		case strings.Contains(err.Error(), "missing port"):
			return Address{}, errors.New("the port is missing: want inet:HOST:PORT, such as inet:127.0.0.1:10003")
		case strings.Count(s, ":") > 1:
			return Address{}, errors.New("an IPv6 address stands in brackets: inet:[::1]:10003")
		}
		return Address{}, errors.New("want inet:HOST:PORT")
	}
	if host == "" {
		return Address{}, errors.New("the host is missing: say 127.0.0.1, or 0.0.0.0 or [::] for every interface")
	}
	if strings.Contains(host, ":") && net.ParseIP(strings.Split(host, "%")[0]) == nil {
		return Address{}, fmt.Errorf("%q is not an IPv6 address", host)
	}
	if strings.ContainsAny(host, "/ \t\n@,") {
		return Address{}, fmt.Errorf("%q is not a host", host)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return Address{}, fmt.Errorf("port %q: want a number up to 65535", port)
	}
	return Address{Kind: Inet, Host: host, Port: int(n)}, nil
}

func parseUnix(path string) (Address, error) {
	switch {
	case !filepath.IsAbs(path):
		return Address{}, errors.New("want an absolute path: unix:/run/postern/socketmap")
	case strings.ContainsRune(path, 0):
		return Address{}, errors.New("the path has a NUL")
	case strings.HasSuffix(path, "/"), filepath.Clean(path) == "/":
		return Address{}, errors.New("the path is that of a directory")
	}
	path = filepath.Clean(path)
	if len(path) > longestPath {
		return Address{}, fmt.Errorf("the path is %d bytes long, a unix socket can have %d", len(path), longestPath)
	}
	return Address{Kind: Unix, Path: path}, nil
}

func parseFD(name string) (Address, error) {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r < 33 || r > 126 || r == ':' }) {
		return Address{}, errors.New("want fd:NAME, with the FileDescriptorName= of the socket unit")
	}
	return Address{Kind: FD, Name: name}, nil
}
