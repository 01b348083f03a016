//go:build integration

package tcptable_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"postern/internal/dialog"
	"postern/internal/scratch"
)

// patience is the limit of waiting for what must come.
const patience = 2 * time.Minute

// startPostSRSd runs Debian's PostSRSd 1.10 until the test is over and gives
// the address of its forward table. It fails where it is not installed.
func startPostSRSd(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("postsrsd")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/postsrsd"); err != nil {
			t.Fatalf("PostSRSd 1.10 is needed: %v", err)
		}
	}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("tops3cr3t\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	forward, reverse := freePort(t), freePort(t)
	var says bytes.Buffer
	cmd := exec.Command(program, "-4", "-l", "127.0.0.1", "-d", "example.com", "-s", secret, "-f", forward, "-r", reverse)
	cmd.Stdout, cmd.Stderr = &says, &says
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("PostSRSd said: %s", says.String())
		}
	})
	address := net.JoinHostPort("127.0.0.1", forward)
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
			return address
		}
		if time.Now().After(end) {
			t.Fatalf("PostSRSd does not listen: %v", err)
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	port, err := scratch.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(port)
}

// TestBesidePostSRSd sends the same bytes to PostSRSd and to the handler: both
// say the same, and both end the connection or both do not.
func TestBesidePostSRSd(t *testing.T) {
	theirs, ours := startPostSRSd(t), dialog.Listen(t, "tcp", postsrsd1(sameAddress))
	for _, request := range rawRequests() {
		t.Run(fmt.Sprintf("%d bytes %.60q", len(request), request), func(t *testing.T) {
			t.Parallel()
			for _, halfClose := range []bool{false, true} {
				var want, got saying
				var both sync.WaitGroup
				both.Go(func() { want = say(t, theirs, request, halfClose) })
				both.Go(func() { got = say(t, ours, request, halfClose) })
				both.Wait()
				if got != want {
					t.Errorf("end sent %v: got %.200q, closed %v; PostSRSd %.200q, closed %v",
						halfClose, got.replies, got.closed, want.replies, want.closed)
				}
			}
		})
	}
}

// rawRequests is what a peer might send. Addresses of any domain but the one of
// PostSRSd have no place here: their answers are not those of a protocol.
func rawRequests() []string {
	var all []string
	for _, key := range []string{"a@example.com", "A@EXAMPLE.COM", "nobody", "", " ", "  ", "   a b@example.com", "\ta@example.com", "@example.com",
		`%22a%20b%22@example.com`, "%41%4a%4A@example.com", "%c3%BC@example.com", "\xc3\xbc@example.com", "\xff\xfe%fd@example.com", "%25@example.com",
		"!\"#$&'()*+,-./:;<=>?[\\]^_`{|}~@example.com", "\x01\x1f\x7f\t\v\f@example.com", "%01%1f%7F%09%0a%0d@example.com",
		"%", "%4", "%zz@example.com", "a%@example.com", "a@example.com%", "a@example.com%4", "%%41@example.com", "%0@example.com", "%g0", "%0g", "%+1",
		"%00", "%00a@example.com", "a%00b@example.com", "a@example.com%00b", "a@example.com%00%zz", "a@example.com%00%41",
		"\x00", "\x00a@example.com", "a\x00b@example.com", "a@example.com\x00", "a@example.com\x00%zz", "a@example.com\x00\r",
		"\r", "\ra@example.com", "\r\ra@example.com", "a\rb@example.com", "a@example.com\r", "a@example.com\r\r", "a \r", "\r a@example.com"} {
		for _, verb := range []string{"get ", "get\r", " \r  get "} {
			all = append(all, verb+key+"\n", verb+key)
		}
	}
	for _, line := range []string{"", "\r", " ", " \r ", "get", "get\r", "get\t", "get\ta@example.com", "\tget a@example.com", "GET a@example.com",
		"Get a@example.com", "put a b", "getx a@example.com", "xget a@example.com", "get%20a@example.com", "\x00get a@example.com",
		"g\x00et a@example.com", "get\x00 a@example.com", "ge", "g", "\xffget a", "nonsense", "GET / HTTP/1.1\r\nHost: localhost\r\n\r"} {
		all = append(all, line+"\n", line, "get a@example.com\n"+line+"\nget b@example.com\n")
	}
	all = append(all, "get a@example.com\nget nobody\nget b@example.com\n", "get a@example.com\nget b@example.com",
		strings.Repeat("get a@example.com\n", 500))
	for _, size := range []int{500, 1000, 1016, 1017, 1018, 1019, 1020, 1021, 1022, 1023, 1024, 1025, 2044, 2046, 2047, 4095, 4096, 5000, 70000} {
		all = append(all, lineOf(size, "get ", "k", "")+"\n", lineOf(size-1, "get ", "k", "")+"\nget a@example.com\n",
			lineOf(size, " ", " ", "get a@example.com")+"\n", lineOf(size, "get ", "%41", "")+"\n", lineOf(size, "x", "x", "")+"\n")
	}
	return all
}

// lineOf is a line of size bytes with its LF, which is not there yet.
func lineOf(size int, before, filling, after string) string {
	n := size - len(before) - len(after) - 1
	return before + strings.Repeat(filling, n/len(filling)) + strings.Repeat("k", n%len(filling)) + after
}

// saying is what a server says on a connection.
type saying struct {
	replies string
	closed  bool // by the server while the peer could still send
}

// say sends bytes and reads until the server has no more to say. A request that
// everybody understands follows the bytes where they end a line: a server that
// answers it has not closed.
func say(t *testing.T, address, request string, halfClose bool) saying {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return saying{}
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(conn, request) // the server may have hung up in the middle
	if halfClose {
		_ = conn.(*net.TCPConn).CloseWrite()
		return saying{replies: readReplies(conn)}
	}
	const last = "get the-last-one@example.com\n"
	if !strings.HasSuffix(request, "\n") {
		_, _ = io.WriteString(conn, "\n")
	}
	_, _ = io.WriteString(conn, last)
	replies := readReplies(conn)
	return saying{replies, !strings.HasSuffix(replies, "the-last-one@example.com\n")}
}

// readReplies reads to the end: of the connection, or of the reply to the last
// request. A server that closes on unread bytes resets the connection.
func readReplies(conn net.Conn) string {
	var all []byte
	part := make([]byte, 4096)
	for !bytes.HasSuffix(all, []byte("the-last-one@example.com\n")) {
		n, err := conn.Read(part)
		all = append(all, part[:n]...)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			all = append(all, "(nothing more comes)"...)
		}
		if err != nil {
			break
		}
	}
	return string(all)
}
