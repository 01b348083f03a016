package serve

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// pair is a connection as the core has it, and its peer.
func pair(t *testing.T, network string) (*direct, net.Conn) {
	t.Helper()
	at := "127.0.0.1:0"
	if network == "unix" {
		at = filepath.Join(t.TempDir(), "s")
	}
	ln, err := net.Listen(network, at)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	peer, err := net.Dial(network, ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close(); conn.Close() })
	d, ok := directly(conn).(*direct)
	if !ok {
		t.Fatalf("a %s connection is not read directly", network)
	}
	return d, peer
}

func onSockets(t *testing.T, test func(t *testing.T, d *direct, peer net.Conn)) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			d, peer := pair(t, network)
			test(t, d, peer)
		})
	}
}

// TestDirectIsPatient has more to send than the kernel holds, and to one that
// reads by and by; at the same time it waits for bytes.
func TestDirectIsPatient(t *testing.T) {
	onSockets(t, func(t *testing.T, d *direct, peer net.Conn) {
		text := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
		sent := make(chan error, 1)
		go func() {
			n, err := d.Write(text)
			if err == nil && n != len(text) {
				err = io.ErrShortWrite
			}
			sent <- err
		}()
		got := make(chan string, 1)
		go func() {
			p := make([]byte, 8)
			n, _ := d.Read(p)
			got <- string(p[:n])
		}()
		received := make([]byte, len(text))
		if _, err := io.ReadFull(peer, received); err != nil || !bytes.Equal(received, text) {
			t.Errorf("%v: what was sent is not what arrived", err)
		}
		if err := <-sent; err != nil {
			t.Error(err)
		}
		io.WriteString(peer, "thanks")
		if text := <-got; text != "thanks" {
			t.Errorf("read %q, want thanks", text)
		}
	})
}

func TestDirectMindsDeadlines(t *testing.T) {
	onSockets(t, func(t *testing.T, d *direct, _ net.Conn) {
		d.conn.SetDeadline(time.Now().Add(20 * time.Millisecond))
		if n, err := d.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) || !strings.HasPrefix(err.Error(), "read ") {
			t.Errorf("read: %d, %v, want the end of the time", n, err)
		}
		if n, err := d.Write(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write: %d, %v, want the end of the time", n, err)
		}
		text := make([]byte, 64<<20)
		d.conn.SetDeadline(time.Now().Add(200 * time.Millisecond))
		if n, err := d.Write(text); n == 0 || n == len(text) || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write: %d, %v, want a part and the end of the time", n, err)
		}
		d.conn.SetDeadline(time.Time{})
	})
}

func TestDirectIsWokenByADeadline(t *testing.T) {
	onSockets(t, func(t *testing.T, d *direct, _ net.Conn) {
		end := make(chan error, 1)
		go func() {
			_, err := d.Read(make([]byte, 1))
			end <- err
		}()
		d.conn.SetReadDeadline(past())
		if err := <-end; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%v, want the end of the time", err)
		}
	})
}

func TestDirectEnds(t *testing.T) {
	onSockets(t, func(t *testing.T, d *direct, peer net.Conn) {
		if n, err := d.Read(nil); n != 0 || err != nil {
			t.Errorf("no room to read into: %d, %v, want nothing at once", n, err)
		}
		if n, err := d.Write(nil); n != 0 || err != nil {
			t.Errorf("nothing to write: %d, %v, want nothing at once", n, err)
		}
		io.WriteString(peer, "bye")
		peer.Close()
		if text, err := io.ReadAll(d); string(text) != "bye" || err != nil {
			t.Errorf("%q, %v, want the last words and an end", text, err)
		}
		var err error
		for range 100 { // the first may reach the peer's kernel, which refuses it
			if _, err = d.Write([]byte("?")); err != nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		var op *net.OpError
		if !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) || !errors.As(err, &op) || op.Op != "write" {
			t.Errorf("write to nobody: %v, want a broken pipe", err)
		}
		d.conn.Close()
		if _, err := d.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read: %v, want %v", err, net.ErrClosed)
		}
		if _, err := d.Write([]byte("?")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("write: %v, want %v", err, net.ErrClosed)
		}
	})
}

func TestDirectTellsAReset(t *testing.T) {
	d, peer := pair(t, "tcp")
	peer.(*net.TCPConn).SetLinger(0)
	peer.Close()
	var op *net.OpError
	if _, err := d.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) || !errors.As(err, &op) || op.Op != "read" || op.Addr == nil {
		t.Errorf("%v, want a reset by the peer", err)
	}
}

func TestDirectlyLeavesAloneWhatIsNoSocket(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if got := directly(a); got != a {
		t.Errorf("%T, want the connection itself", got)
	}
}
