package serve_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

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
			for echoLine(context.Background(), r, w) == nil && w.Flush() == nil {
			}
		}()
	}
}

// core is the same under a Server.
func core(ln net.Listener) {
	s := &serve.Server{Daemon: "echo", Handler: serve.HandlerFunc(echoLine)}
	s.Serve(context.Background(), ln)
}

// BenchmarkEcho has b.N requests answered by the core, and as many by the bare
// server in slices between (A B B A), and reports the median of the ratios
// of their speed: 1 would be a core that costs nothing.
func BenchmarkEcho(b *testing.B) {
	for _, network := range []string{"tcp", "unix"} {
		for _, conns := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("%s/%d", network, conns), func(b *testing.B) {
				a, z := newCrowd(b, network, conns, bare), newCrowd(b, network, conns, core)
				compare(b, a, z)
			})
		}
	}
}

func compare(b *testing.B, bare, core *crowd) {
	const slice = 2000
	var ratios []float64
	var spent time.Duration
	for left := b.N; left > 0; left -= 2 * slice {
		n := min(slice, left)
		a1, b1, b2, a2 := bare.ask(b, n), core.ask(b, n), core.ask(b, n), bare.ask(b, n)
		ratios = append(ratios, float64(a1+a2)/float64(b1+b2))
		spent += b1 + b2
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "of-bare")
	b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N), "core-ns/op")
}

// crowd is a number of clients of one server.
type crowd struct{ clients []*bufio.ReadWriter }

func newCrowd(b *testing.B, network string, conns int, server func(net.Listener)) *crowd {
	at := "127.0.0.1:0"
	if network == "unix" {
		at = filepath.Join(b.TempDir(), "s")
	}
	ln, err := net.Listen(network, at)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { ln.Close() })
	go server(ln)
	c := &crowd{}
	for range conns {
		conn, err := net.Dial(ln.Addr().Network(), ln.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { conn.Close() })
		c.clients = append(c.clients, bufio.NewReadWriter(bufio.NewReader(conn), bufio.NewWriter(conn)))
	}
	return c
}

// ask sends n requests, each client one at a time, and returns the time taken.
func (c *crowd) ask(b *testing.B, n int) time.Duration {
	var wg sync.WaitGroup
	began := time.Now()
	for _, client := range c.clients {
		wg.Go(func() {
			for range max(1, n/len(c.clients)) {
				client.WriteString("virtual-aliases someone@example.com\n")
				client.Flush()
				if _, err := client.ReadSlice('\n'); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(began)
}
