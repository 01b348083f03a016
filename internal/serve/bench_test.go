package serve_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"postern/internal/serve"
)

// echoLine answers a line with itself.
func echoLine(_ context.Context, r *bufio.Reader, w *bufio.Writer) error {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	_, err = w.Write(line)
	return err
}

// bare is the echo server that the core is measured against: read, write,
// flush and nothing else.
func bare(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			r, w := bufio.NewReader(conn), bufio.NewWriter(conn)
			for echoLine(nil, r, w) == nil && w.Flush() == nil {
			}
		}()
	}
}

func BenchmarkEcho(b *testing.B) {
	servers := []struct {
		name  string
		serve func(net.Listener)
	}{
		{"bare", bare},
		{"core", func(ln net.Listener) {
			s := &serve.Server{Daemon: "echo", Handler: serve.HandlerFunc(echoLine)}
			s.Serve(context.Background(), ln)
		}},
	}
	for _, network := range []string{"tcp", "unix"} {
		for _, conns := range []int{1, 8, 64} {
			for _, s := range servers {
				b.Run(fmt.Sprintf("%s/%d/%s", network, conns, s.name), func(b *testing.B) {
					at := "127.0.0.1:0"
					if network == "unix" {
						at = filepath.Join(b.TempDir(), "s")
					}
					ln, err := net.Listen(network, at)
					if err != nil {
						b.Fatal(err)
					}
					defer ln.Close()
					go s.serve(ln)
					ask(b, ln.Addr(), conns)
				})
			}
		}
	}
}

// ask has conns clients send b.N requests, one at a time each.
func ask(b *testing.B, to net.Addr, conns int) {
	var left atomic.Int64
	var wg sync.WaitGroup
	request := []byte("virtual-aliases someone@example.com\n")
	start := make(chan struct{})
	left.Store(int64(b.N))
	for range conns {
		conn, err := net.Dial(to.Network(), to.String())
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		wg.Go(func() {
			r := bufio.NewReader(conn)
			<-start
			for left.Add(-1) >= 0 {
				if _, err := conn.Write(request); err != nil {
					b.Error(err)
					return
				}
				if _, err := r.ReadSlice('\n'); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	b.ReportAllocs()
	b.ResetTimer()
	close(start)
	wg.Wait()
}
