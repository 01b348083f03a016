package tcptable_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"postern/internal/dialog"
	"postern/tcptable"
)

// BenchmarkHandler is one request without a wire.
func BenchmarkHandler(b *testing.B) {
	for _, timeout := range []time.Duration{0, time.Minute} {
		b.Run("timeout="+timeout.String(), func(b *testing.B) {
			h := &tcptable.Handler{Map: constant, Timeout: timeout, Observer: nothing{}}
			r, w := endless("get user@example.com\n"), bufio.NewWriter(io.Discard)
			b.ReportAllocs()
			for b.Loop() {
				if err := h.ServeRequest(b.Context(), r, w); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkDialect is one request of a neighbour without a wire.
func BenchmarkDialect(b *testing.B) {
	h := postsrsd1(constant)
	h.Timeout, h.Observer = time.Minute, nothing{}
	r, w := endless("get user@example.com\n"), bufio.NewWriter(io.Discard)
	b.ReportAllocs()
	for b.Loop() {
		if err := h.ServeRequest(b.Context(), r, w); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSocket sets the handler beside the least that a server of the same
// framing can do, over the same sockets.
func BenchmarkSocket(b *testing.B) {
	h := &tcptable.Handler{Map: constant, Timeout: time.Minute, Observer: nothing{}}
	for _, connections := range []int{1, 8, 64} {
		for _, server := range []struct {
			name    string
			handler dialog.Handler
		}{{"echo", bare{}}, {"handler", h}} {
			b.Run(fmt.Sprintf("tcp/%d/%s", connections, server.name), func(b *testing.B) {
				dialog.Rush(b, "tcp", server.handler, connections, "get user@example.com\n", len("200 target@example.net\n"))
			})
		}
	}
}

// bare reads a line and sends a fixed one.
type bare struct{}

func (bare) ServeRequest(_ context.Context, r *bufio.Reader, w *bufio.Writer) error {
	if _, err := r.ReadSlice('\n'); err != nil {
		return err
	}
	_, err := w.WriteString("200 target@example.net\n")
	return err
}
