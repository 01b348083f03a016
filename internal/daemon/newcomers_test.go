package daemon

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"
)

// Half-open connections, more than the listener has places, and a client that
// keeps its connection between two requests: both a new scrape and that client
// are answered, without any limit of time ending the silent ones.
func TestSilentConnectionsKeepNobodyOut(t *testing.T) {
	srv := newHTTP(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }), slog.New(slog.DiscardHandler))
	srv.ReadHeaderTimeout, srv.ReadTimeout, srv.IdleTimeout = 0, 0, 0
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- serveHTTP(t.Context(), srv, ln, srv.Serve) }()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	get := func(client *http.Client) {
		t.Helper()
		resp, err := client.Get("http://" + ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if b, err := io.ReadAll(resp.Body); string(b) != "ok" || err != nil {
			t.Errorf("%q, %v", b, err)
		}
	}
	kept := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}, Timeout: time.Minute}
	get(kept)
	for range 5 * httpConns {
		silent, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
	}
	get(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute})
	get(kept)
	kept.CloseIdleConnections()
}
