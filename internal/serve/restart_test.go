package serve_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"sync"
	"testing"

	"postern/internal/serve"
)

// heir makes the listeners of several processes out of one, as systemd does:
// the socket stays while they come and go.
type heir struct {
	t    *testing.T
	file *os.File
}

func newHeir(t *testing.T, ln net.Listener) heir {
	t.Helper()
	if u, ok := ln.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false)
	}
	file, err := ln.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	t.Cleanup(func() { file.Close() })
	return heir{t, file}
}

func (h heir) listener() net.Listener {
	h.t.Helper()
	ln, err := net.FileListener(h.file)
	if err != nil {
		h.t.Fatal(err)
	}
	return ln
}

// A restart under load: clients that ask again once, on a new connection, when
// they meet a closed one, as Postfix does, get every answer, whole and in turn.
func TestRestartUnderLoadLosesNoReply(t *testing.T) {
	const clients, restarts, perRestart = 16, 20, 500
	sockets(t, func(t *testing.T, ln net.Listener) {
		network, address := ln.Addr().Network(), ln.Addr().String()
		h := newHeir(t, ln)
		server := func() *service {
			return start(t, h.listener(), &serve.Server{Handler: serve.HandlerFunc(shout)})
		}
		v := server()
		answers := make(chan error, clients)
		done := make(chan struct{})
		var wg sync.WaitGroup
		for i := range clients {
			wg.Go(func() {
				p := postfix{network: network, address: address}
				defer p.hangUp()
				for n := 0; ; n++ {
					select {
					case answers <- p.ask(fmt.Sprintf("c%d-%d\n", i, n)):
					case <-done:
						return
					}
				}
			})
		}
		for range restarts {
			for range perRestart {
				if err := <-answers; err != nil {
					t.Error(err)
				}
			}
			successor := server()
			if err := v.stopped(); err != nil {
				t.Error(err)
			}
			v = successor
		}
		close(done)
		wg.Wait()
	})
}

// postfix is a client that behaves as Postfix's do.
type postfix struct {
	network, address string
	conn             net.Conn
	r                *bufio.Reader
}

// ask gets one answer; a connection that ends before the first byte of it is
// replaced once.
func (p *postfix) ask(request string) error {
	var failed error
	for range 2 {
		if p.conn == nil {
			conn, err := net.Dial(p.network, p.address)
			if err != nil {
				return fmt.Errorf("connect failed: %w (before: %v)", err, failed)
			}
			p.conn, p.r = conn, bufio.NewReader(conn)
		}
		reply, err := p.try(request)
		if err == nil && reply == upper(request) {
			return nil
		}
		p.hangUp()
		if reply != "" {
			return fmt.Errorf("asked %q, received %q, %v", request, reply, err)
		}
		failed = err
	}
	return fmt.Errorf("no answer to %q: %w", request, failed)
}

func (p *postfix) try(request string) (string, error) {
	if _, err := p.conn.Write([]byte(request)); err != nil {
		return "", err
	}
	return p.r.ReadString('\n')
}

func (p *postfix) hangUp() {
	if p.conn != nil {
		p.conn.Close()
		p.conn = nil
	}
}
