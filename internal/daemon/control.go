package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// ControlURL is the base of the requests that go through a ControlClient; the
// host in it means nothing.
const ControlURL = "http://postern"

// controlDial is the time to connect to a control socket.
const controlDial = 5 * time.Second

// Control is the HTTP server on a unix socket by which the commands of the
// same user (and root) talk to a running daemon.
type Control struct {
	Handler http.Handler
	Log     *slog.Logger
}

// controlSpec is the listener of the daemon's control socket: for us alone.
func controlSpec(dir, name string) (ListenSpec, error) {
	if !regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`).MatchString(name) {
		return ListenSpec{}, fmt.Errorf("%q is not the name of a daemon", name)
	}
	return ListenSpec{
		At:    "unix:" + filepath.Join(dir, name+".sock"),
		Owner: strconv.Itoa(os.Geteuid()),
		Group: strconv.Itoa(os.Getegid()),
		Mode:  0o600,
	}, nil
}

// ListenControl opens the control socket of the daemon name, dir/name.sock,
// with mode 0600; dir is made if it is missing.
func (s *Sockets) ListenControl(dir, name string) (net.Listener, error) {
	spec, err := controlSpec(dir, name)
	if err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	ln, err := s.Listen(spec)
	if err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	return ln, nil
}

// Serve answers on ln until ctx ends. It closes ln. An answer may take as long
// as it likes, so that one can be a stream.
func (c Control) Serve(ctx context.Context, ln net.Listener) error {
	srv := newHTTP(c.Handler, c.Log)
	srv.BaseContext = func(net.Listener) context.Context { return ctx }
	if err := serveHTTP(ctx, srv, ln, srv.Serve); err != nil {
		return fmt.Errorf("control: %s: %w", ln.Addr(), err)
	}
	return nil
}

// ControlClient asks the daemon name that has its control socket in dir;
// requests are made for paths below [ControlURL]. A daemon that does not run is
// an error of the request, which wraps fs.ErrNotExist or ECONNREFUSED.
func ControlClient(dir, name string) *http.Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		spec, err := controlSpec(dir, name)
		if err != nil {
			return nil, err
		}
		at, err := ParseAt(spec.At)
		if err != nil {
			return nil, err
		}
		d := net.Dialer{Timeout: controlDial}
		conn, err := d.DialContext(ctx, "unix", at.Path)
		if err != nil {
			return nil, fmt.Errorf("is %s running? %w", name, err)
		}
		return conn, nil
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
}
