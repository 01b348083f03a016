package daemon

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

const (
	// httpConns bounds the connections of an HTTP listener: a scraper, a
	// probe, a few people.
	httpConns = 64

	// httpGrace is what a stop grants to answers under way.
	httpGrace = 2 * time.Second
)

// newHTTP is a server whose clients cannot hold it up.
func newHTTP(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ConnState:         new(newcomers).watch,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// serveHTTP runs serve, which serves ln by srv, until ctx ends, and gives it
// httpGrace to finish.
func serveHTTP(ctx context.Context, srv *http.Server, ln net.Listener, serve func(net.Listener) error) error {
	defer ln.Close() // where serve fails before it begins
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), httpGrace)
		defer cancel()
		if srv.Shutdown(grace) != nil {
			srv.Close()
		}
	})
	err := serve(netutil.LimitListener(ln, httpConns))
	if stop() {
		return err
	}
	<-ended
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
