package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// host is one place of a database.
type host struct {
	network string // tcp or unix
	address string // host:port or path
}

// name is the host as the user writes it.
func (h host) name() string {
	if h.network == "unix" {
		return "unix:" + h.address
	}
	return h.address
}

// serverName is what the certificate must be made for.
func (h host) serverName() string {
	name, _, _ := net.SplitHostPort(h.address)
	return name
}

func parseHosts(list []string) ([]host, error) {
	var hosts []host
	for _, text := range list {
		h, err := parseHost(text)
		if err != nil {
			return nil, fmt.Errorf("database: host %q: %w", text, err)
		}
		hosts = append(hosts, h)
	}
	return hosts, nil
}

// parseHost reads "host", "host:port", "[::1]", "[::1]:3306", "::1" and
// "unix:/path"; the port is 3306 unless it says otherwise.
func parseHost(text string) (host, error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		if !strings.HasPrefix(path, "/") {
			return host{}, errors.New("a unix socket needs an absolute path, as unix:/run/mysqld/mysqld.sock")
		}
		return host{"unix", path}, nil
	}
	name, port := text, "3306"
	if strings.Count(text, ":") == 1 || strings.Contains(text, "]:") {
		var err error
		if name, port, err = net.SplitHostPort(text); err != nil {
			return host{}, errors.New("write host:port, [::1]:port or unix:/path")
		}
	} else if inner, ok := strings.CutPrefix(text, "["); ok {
		if name, ok = strings.CutSuffix(inner, "]"); !ok {
			name = ""
		}
	}
	if name == "" || strings.ContainsAny(name, "/@[] ") {
		return host{}, errors.New("write host:port, [::1]:port or unix:/path")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return host{}, fmt.Errorf("port %q: a number from 1 to 65535", port)
	}
	return host{"tcp", net.JoinHostPort(name, port)}, nil
}

// turn connects to the first of several hosts that answers.
type turn struct {
	hosts []host
	pause time.Duration
	now   func() time.Time
	dial  func(context.Context, host) (driver.Conn, error)

	mu     sync.Mutex
	paused map[host]time.Time // until when
}

// connect tries the hosts in turn, those that failed a moment ago last: when
// every host is paused, one of them may just have come back.
func (t *turn) connect(ctx context.Context) (driver.Conn, error) {
	var failures []hostError
	for _, h := range t.order() {
		conn, err := t.dial(ctx, h)
		if err == nil {
			t.mark(h, false)
			return conn, nil
		}
		failures = append(failures, hostError{h, err})
		if ctx.Err() != nil {
			break // our own end is not the host's fault
		}
		t.mark(h, true)
	}
	return nil, &connectError{failures}
}

func (t *turn) order() []host {
	t.mu.Lock()
	defer t.mu.Unlock()
	var first, last []host
	for _, h := range t.hosts {
		if t.now().Before(t.paused[h]) {
			last = append(last, h)
		} else {
			first = append(first, h)
		}
	}
	return append(first, last...)
}

func (t *turn) mark(h host, failed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if failed {
		t.paused[h] = t.now().Add(t.pause)
	} else {
		delete(t.paused, h)
	}
}

// hostError is why one host could not be reached.
type hostError struct {
	host host
	err  error
}

// connectError is why none could.
type connectError struct{ failures []hostError }

func (e *connectError) Error() string {
	var texts []string
	for _, f := range e.failures {
		texts = append(texts, "host "+f.host.name()+": "+cause(f.err))
	}
	return strings.Join(texts, "; ")
}

func (e *connectError) Unwrap() []error {
	var list []error
	for _, f := range e.failures {
		list = append(list, f.err)
	}
	return list
}
