package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/daemon"
)

// manager is a service manager that listens on NOTIFY_SOCKET.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
}

func newManager(t *testing.T) manager {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return manager{t, conn}
}

// hear is the next message.
func (m manager) hear() string {
	m.t.Helper()
	m.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	b := make([]byte, 4096)
	n, err := m.conn.Read(b)
	if err != nil {
		m.t.Fatalf("the manager hears nothing: %v", err)
	}
	return string(b[:n])
}

func (m manager) want(pattern string) {
	m.t.Helper()
	if got := m.hear(); !regexp.MustCompile(`^(?:` + pattern + `)$`).MatchString(got) {
		m.t.Errorf("the manager hears %q, want %q", got, pattern)
	}
}

func TestNotify(t *testing.T) {
	m := newManager(t)
	log, _ := logTo(t)
	n := daemon.Notify{Log: log}
	n.Ready("serving")
	m.want("READY=1\nSTATUS=serving\n")
	n.Reloading()
	m.want("RELOADING=1\nMONOTONIC_USEC=[0-9]+\nSTATUS=reloading\n")
	n.Stopping()
	m.want("STOPPING=1\nSTATUS=draining\n")
	n.Status("one\nREADY=1\n two")
	m.want("STATUS=one READY=1 two\n")
}

// The line of systemctl status says why nothing can be answered, as long as it is so.
func TestReadiness(t *testing.T) {
	m := newManager(t)
	log, _ := logTo(t)
	var trouble atomic.Pointer[error]
	none := errors.New("tables are not loaded\nyet")
	trouble.Store(&none)
	ctx, cancel := context.WithCancel(t.Context())
	var over sync.WaitGroup
	over.Go(func() {
		daemon.Notify{Log: log}.Readiness(ctx, time.Millisecond, func(context.Context) error {
			if err := trouble.Load(); err != nil {
				return *err
			}
			return nil
		})
	})
	m.want("STATUS=not ready: tables are not loaded yet\n")
	trouble.Store(nil)
	for said := ""; said != "STATUS=serving\n"; said = m.hear() {
	}
	cancel()
	over.Wait()
}

func TestNotifyWithoutAManager(t *testing.T) {
	log, lines := logTo(t)
	n := daemon.Notify{Log: log}
	t.Setenv("NOTIFY_SOCKET", "")
	n.Ready("serving")
	if lines.String() != "" {
		t.Error("a process that nobody manages complains")
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "gone"))
	n.Ready("serving")
	if !strings.Contains(lines.String(), "cannot notify the service manager") {
		t.Error("a manager that is gone is not logged")
	}
}

// The watchdog hears of life only while there is some.
func TestWatchdog(t *testing.T) {
	m := newManager(t)
	log, lines := logTo(t)
	t.Setenv("WATCHDOG_USEC", "2000")
	t.Setenv("WATCHDOG_PID", fmt.Sprint(os.Getpid()))
	ctx, stop := context.WithCancel(t.Context())
	calls := 0
	alive := func() error {
		calls++
		switch {
		case calls <= 2:
			return errors.New("stuck")
		case calls == 6:
			stop()
		}
		return nil
	}
	daemon.Notify{Log: log}.Watchdog(ctx, alive)
	for range calls - 2 {
		m.want("WATCHDOG=1")
	}
	if n := strings.Count(lines.String(), "error=stuck"); n != 2 {
		t.Errorf("%d lines about being stuck", n)
	}
}

func TestWatchdogThatIsNotAskedFor(t *testing.T) {
	log, lines := logTo(t)
	t.Setenv("WATCHDOG_USEC", "")
	daemon.Notify{Log: log}.Watchdog(t.Context(), nil) // returns
	t.Setenv("WATCHDOG_USEC", "soon")
	daemon.Notify{Log: log}.Watchdog(t.Context(), nil)
	if !strings.Contains(lines.String(), "watchdog is off") {
		t.Error("a WATCHDOG_USEC that is no number is not logged")
	}
}
