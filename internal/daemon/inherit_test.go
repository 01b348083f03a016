package daemon_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Sockets that stay in the parent are handed to a child as systemd does it.
func TestSocketsHandedOver(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "handed.sock")
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	wild, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer wild.Close()
	unixLn, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer unixLn.Close()
	named, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Fatal(err)
	}
	defer named.Close()
	spare, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer spare.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()

	_, wildPort, _ := net.SplitHostPort(wild.Addr().String())
	asked := []string{
		"inet:" + tcp.Addr().String(), "inet:[::]:" + wildPort, "unix:" + path, "fd:maps", "fd:maps", "fd:store",
	}
	files := []*os.File{file(t, named), null, file(t, unixLn), file(t, tcp), file(t, spare), file(t, wild)}
	out := startChild(t, asked, files, "maps:store:a:b:c:d")
	want := []string{
		asked[0] + ": " + tcp.Addr().String(),
		asked[1] + ": " + wild.Addr().String(),
		asked[2] + ": " + path,
		"fd:maps: " + named.Addr().String(),
		"fd:maps: error: listen: fd:maps: no such socket was handed over",
		"fd:store: error: listen: fd:store: what was handed over is not a listening stream socket",
		"unused: fd:store (not a listening stream socket)",
		"unused: fd:c (" + spare.Addr().String() + ")",
		`environment: ""`,
		"serving",
	}
	for _, w := range want {
		if !out.Scan() || !strings.HasPrefix(out.Text(), w) {
			t.Fatalf("the child says %q, want %q", out.Text(), w)
		}
	}
	// The parent keeps the sockets, but it is the child that accepts.
	for _, ln := range []net.Listener{tcp, wild, unixLn, named} {
		conn, err := net.Dial(ln.Addr().Network(), ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(conn); err != nil || string(b) != "hello from the child" {
			t.Errorf("%s: received %q, %v", ln.Addr(), b, err)
		}
		conn.Close()
	}
	for out.Scan() {
		t.Errorf("the child says %q", out.Text())
	}
	if !exists(path) {
		t.Error("the child removed a socket that is not its own")
	}
}

// Sockets for another process are not ours.
func TestSocketsOfAnotherProcess(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"=fd:x", "LISTEN_PID=1", "LISTEN_FDS=1", "LISTEN_FDNAMES=x")
	cmd.ExtraFiles = []*os.File{file(t, ln)}
	out, err := cmd.Output()
	if err != nil || !strings.Contains(string(out), "no such socket was handed over") {
		t.Errorf("the child says %q, %v", out, err)
	}
}

func file(t *testing.T, ln net.Listener) *os.File {
	t.Helper()
	f, err := ln.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// startChild runs this binary with files from descriptor 3 on. The shell in
// between knows the process id that LISTEN_PID must have.
func startChild(t *testing.T, specs []string, files []*os.File, names string) *bufio.Scanner {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0"`, os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+strings.Join(specs, " "),
		fmt.Sprintf("LISTEN_FDS=%d", len(files)), "LISTEN_FDNAMES="+names)
	cmd.ExtraFiles = files
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return bufio.NewScanner(out)
}
