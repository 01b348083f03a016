package socketmap_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"
	"testing"
	"time"

	"postern/internal/dialog"
	"postern/internal/lookup"
	"postern/socketmap"
)

// BenchmarkHandler is one request without a wire.
func BenchmarkHandler(b *testing.B) {
	for _, timeout := range []time.Duration{0, time.Minute} {
		b.Run("timeout="+timeout.String(), func(b *testing.B) {
			h := &socketmap.Handler{Maps: constantSet(), Timeout: timeout, Observer: nothing{}}
			r, w := endless(frame("aliases user@example.com")), bufio.NewWriter(io.Discard)
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
	h := postsrsd2(constantSet()())
	h.Timeout, h.Observer = time.Minute, nothing{}
	r, w := endless(frame("aliases user@example.com")), bufio.NewWriter(io.Discard)
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
	h := &socketmap.Handler{Maps: constantSet(), Timeout: time.Minute, Observer: nothing{}}
	request := frame("aliases user@example.com")
	for _, network := range []string{"unix", "tcp"} {
		for _, connections := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("%s/%d/echo", network, connections), func(b *testing.B) {
				dialog.Rush(b, network, bare{}, connections, request, len(frame("OK target@example.net")))
			})
			b.Run(fmt.Sprintf("%s/%d/handler", network, connections), func(b *testing.B) {
				dialog.Rush(b, network, h, connections, request, len(frame("OK target@example.net")))
			})
		}
	}
}

// BenchmarkClient is a lookup through client, socket and server.
func BenchmarkClient(b *testing.B) {
	var m lookup.Map = socketmap.NewClient("unix", dialog.Listen(b, "unix", &socketmap.Handler{Maps: constantSet()}),
		"aliases", socketmap.ClientOptions{})
	defer m.(*socketmap.Client).Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, found, err := m.Lookup(b.Context(), "user@example.com"); !found {
			b.Fatal(err)
		}
	}
}

// bare reads a netstring and sends a fixed one.
type bare struct{}

func (bare) ServeRequest(_ context.Context, r *bufio.Reader, w *bufio.Writer) error {
	head, err := r.ReadSlice(':')
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(string(head[:len(head)-1]))
	if err != nil {
		return err
	}
	if _, err := r.Discard(n + 1); err != nil {
		return err
	}
	_, err = w.WriteString("21:OK target@example.net,")
	return err
}
