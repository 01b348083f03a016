package dialog

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Handler is what the connection core asks of a protocol: one request, one
// reply; an error ends the connection after a flush.
type Handler interface {
	ServeRequest(ctx context.Context, r *bufio.Reader, w *bufio.Writer) error
}

// Listen serves h on a free loopback port ("tcp") or a socket in a scratch
// folder ("unix") until the test is over, and gives the address.
func Listen(t testing.TB, network string, h Handler) (address string) {
	t.Helper()
	address = "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(shortTempDir(t), "s")
	}
	ln, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(Serve(ln, h))
	return ln.Addr().String()
}

// shortTempDir is t.TempDir without the name of the test: the path of a unix
// socket has room for 107 bytes.
func shortTempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "dialog")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// Serve accepts on ln until stop is called, which also ends what is open and
// returns when all is over.
func Serve(ln net.Listener, h Handler) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() { converse(ctx, conn, h) })
		}
	})
	return func() {
		cancel()
		_ = ln.Close()
		all.Wait()
	}
}

func converse(ctx context.Context, conn net.Conn, h Handler) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	r, w := bufio.NewReader(conn), bufio.NewWriter(conn)
	for {
		err := h.ServeRequest(ctx, r, w)
		if flushed := w.Flush(); err != nil || flushed != nil {
			break
		}
	}
	linger(conn)
}

// linger lets the peer read the last reply before unread requests of its own
// reset the connection.
func linger(conn net.Conn) {
	if c, ok := conn.(interface{ CloseWrite() error }); ok && c.CloseWrite() == nil {
		_, _ = io.CopyN(io.Discard, conn, 1<<20)
	}
}
