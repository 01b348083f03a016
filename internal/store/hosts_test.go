package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestParseHost(t *testing.T) {
	tests := []struct{ in, network, address, server string }{
		{"db.example.net", "tcp", "db.example.net:3306", "db.example.net"},
		{"db.example.net:3307", "tcp", "db.example.net:3307", "db.example.net"},
		{"127.0.0.1", "tcp", "127.0.0.1:3306", "127.0.0.1"},
		{"localhost", "tcp", "localhost:3306", "localhost"},
		{"::1", "tcp", "[::1]:3306", "::1"},
		{"[::1]", "tcp", "[::1]:3306", "::1"},
		{"[::1]:3307", "tcp", "[::1]:3307", "::1"},
		{"unix:/run/mysqld/mysqld.sock", "unix", "/run/mysqld/mysqld.sock", ""},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			h, err := parseHost(tt.in)
			if err != nil || h != (host{tt.network, tt.address}) || h.serverName() != tt.server {
				t.Errorf("got %+v, server %q, %v", h, h.serverName(), err)
			}
			if again, err := parseHost(h.name()); err != nil || again != h {
				t.Errorf("%q reads back as %+v, %v", h.name(), again, err)
			}
		})
	}
	for _, bad := range []string{"", ":3306", "db:", "db:0", "db:65536", "db:-1", "unix:", "unix:s", "[::1", "[::1]x", "user@db", "/run/s", "a b"} {
		t.Run("bad "+bad, func(t *testing.T) {
			if h, err := parseHost(bad); err == nil {
				t.Errorf("read as %+v", h)
			}
		})
	}
}

type fakeConn struct {
	driver.Conn
	host string
}

// fakeNet is hosts that are dead or alive.
type fakeNet struct {
	dead  map[string]error
	tried []string
	now   time.Time
}

func (n *fakeNet) turn(pause time.Duration, names ...string) *turn {
	var hosts []host
	for _, name := range names {
		hosts = append(hosts, host{"tcp", name + ":3306"})
	}
	return &turn{
		hosts: hosts, pause: pause, paused: map[host]time.Time{},
		now: func() time.Time { return n.now },
		dial: func(_ context.Context, h host) (driver.Conn, error) {
			name := h.serverName()
			n.tried = append(n.tried, name)
			if err := n.dead[name]; err != nil {
				return nil, err
			}
			return fakeConn{host: name}, nil
		},
	}
}

// TestTurn plays connects one after the other: a host dies ("-a"), comes back
// ("+a"), time passes ("3s"), or somebody connects ("a b = b": asks a, then b,
// and gets b; "= none" if nobody answers).
func TestTurn(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	tests := []struct {
		name  string
		steps []string
	}{
		{"first host first", []string{"a = a", "a = a"}},
		{"next host", []string{"-a", "a b = b"}},
		{"a pause for the dead one", []string{"-a", "a b = b", "1s", "b = b", "+a", "b = b", "2s", "a = a"}},
		{"dead again after the pause", []string{"-a", "a b = b", "3s", "a b = b", "b = b"}},
		{"all dead, all tried again", []string{"-a", "-b", "-c", "a b c = none", "a b c = none", "+c", "a b c = c", "c = c"}},
		{"a paused one as the last resort", []string{"-a", "a b = b", "-b", "-c", "+a", "b c a = a", "a = a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := &fakeNet{dead: map[string]error{}, now: time.Unix(1e9, 0)}
			turn := n.turn(2*time.Second, "a", "b", "c")
			for i, step := range tt.steps {
				asked, want, connect := strings.Cut(step, " = ")
				switch {
				case connect:
					n.tried = nil
					conn, err := turn.connect(t.Context())
					got := "none"
					if err == nil {
						got = conn.(fakeConn).host
					}
					if got != want || !slices.Equal(n.tried, strings.Fields(asked)) {
						t.Fatalf("step %d, %s: asked %v and got %s", i, step, n.tried, got)
					}
				case step[0] == '-':
					n.dead[step[1:]] = refused
				case step[0] == '+':
					delete(n.dead, step[1:])
				default:
					d, err := time.ParseDuration(step)
					if err != nil {
						t.Fatal(err)
					}
					n.now = n.now.Add(d)
				}
			}
		})
	}
}

func TestTurnErrors(t *testing.T) {
	n := &fakeNet{dead: map[string]error{
		"a": &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED},
		"b": context.DeadlineExceeded,
		"c": &net.DNSError{Err: "no such host", Name: "c", Server: "192.0.2.53"},
	}}
	_, err := n.turn(time.Second, "a", "b", "c").connect(t.Context())
	got := explain(Options{Driver: "mysql"}, err)
	want := "database: host a:3306: connection refused; host b:3306: no answer in time; host c:3306: no such host"
	if got.Error() != want {
		t.Errorf("error %q, want %q", got, want)
	}
	if !errors.Is(got, syscall.ECONNREFUSED) {
		t.Error("the cause is not kept")
	}
}

// TestTurnGivesUp: when the one who asks gives up, the host is not to blame.
func TestTurnGivesUp(t *testing.T) {
	n := &fakeNet{dead: map[string]error{"a": context.Canceled}, now: time.Unix(1e9, 0)}
	turn := n.turn(time.Minute, "a", "b")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := turn.connect(ctx); err == nil || !slices.Equal(n.tried, []string{"a"}) {
		t.Errorf("tried %v, %v", n.tried, err)
	}
	if len(turn.paused) > 0 {
		t.Errorf("paused %v", turn.paused)
	}
}
