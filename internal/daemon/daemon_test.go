package daemon_test

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"postern/internal/daemon"
	"postern/internal/logtest"
)

// childEnv has the test binary be the child process of a test: it takes over
// sockets, says what it got, and answers one client on each.
const childEnv = "DAEMON_TEST_LISTEN"

func TestMain(m *testing.M) {
	if specs := os.Getenv(childEnv); specs != "" {
		child(strings.Fields(specs))
		return
	}
	goleak.VerifyTestMain(m)
}

func child(specs []string) {
	sockets := daemon.Inherit()
	var listeners []net.Listener
	for _, at := range specs {
		ln, err := sockets.Listen(daemon.ListenSpec{At: at})
		if err != nil {
			fmt.Printf("%s: error: %v\n", at, err)
			continue
		}
		fmt.Printf("%s: %s\n", at, ln.Addr())
		listeners = append(listeners, ln)
	}
	for _, unused := range sockets.Unused() {
		fmt.Printf("unused: %s\n", unused)
	}
	fmt.Printf("environment: %q\n", os.Getenv("LISTEN_FDS")+os.Getenv("LISTEN_PID")+os.Getenv("LISTEN_FDNAMES"))
	fmt.Println("serving")
	for _, ln := range listeners {
		conn, err := ln.Accept()
		if err != nil {
			fmt.Println(err)
			continue
		}
		io.WriteString(conn, "hello from the child")
		conn.Close()
		ln.Close()
	}
}

// logTo is a logger whose lines can be read while it is in use.
func logTo(t *testing.T) (*slog.Logger, *logtest.Log) {
	b := &logtest.Log{}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log:\n%s", b)
		}
	})
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug})), b
}

// wantError checks that err says every part.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %q", parts)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q does not say %q", err, p)
		}
	}
}
