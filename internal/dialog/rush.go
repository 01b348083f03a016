package dialog

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// Rush measures h over a socket: so many connections ask the same request b.N
// times in all, each when it has read its reply to the one before.
func Rush(b *testing.B, network string, h Handler, connections int, request string, replyLen int) {
	b.Helper()
	address := Listen(b, network, h)
	conns := make([]net.Conn, connections)
	for i := range conns {
		c, err := net.Dial(network, address)
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		conns[i] = c
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	var all sync.WaitGroup
	b.ResetTimer()
	for _, c := range conns {
		all.Go(func() {
			reply := make([]byte, replyLen)
			for left.Add(-1) >= 0 {
				if err := askOnce(c, request, reply); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

func askOnce(c net.Conn, request string, reply []byte) error {
	if _, err := io.WriteString(c, request); err != nil {
		return err
	}
	_, err := io.ReadFull(c, reply)
	return err
}
