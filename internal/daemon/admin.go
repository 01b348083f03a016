package daemon

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/exporter-toolkit/web"
)

const (
	readyTime  = 5 * time.Second  // for the answer of Readyz
	scrapeTime = 10 * time.Second // for one /metrics, Prometheus' own default
)

// Admin is the HTTP listener for those who watch the process. It changes
// nothing; whether it tells addresses is a matter of Page. The web configuration
// file can ask for TLS and passwords.
type Admin struct {
	Gatherer  prometheus.Gatherer
	Ready     func(ctx context.Context) error // says why the process cannot answer Postfix, if so
	Page      http.Handler                    // at /; nil: a line that names the other paths
	WebConfig string                          // exporter-toolkit's web configuration file, if any
	Log       *slog.Logger
}

// Handler answers /metrics, /healthz (200 while the process lives), /readyz
// (200, or 503 with the reason on one line) and / with the page.
func (a Admin) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.Gatherer, promhttp.HandlerOpts{
		ErrorLog:            scrapeLog{a.Log},
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: 8,
		Timeout:             scrapeTime,
	}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		say(w, http.StatusOK, "ok")
	})
	mux.Handle("GET /readyz", Readyz(a.Ready))
	if a.Page != nil {
		mux.Handle("/{$}", a.Page)
		return mux
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		say(w, http.StatusOK, "postern: /metrics /healthz /readyz")
	})
	return mux
}

// Readyz answers 200, or 503 with the reason on one line.
func Readyz(ready func(ctx context.Context) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyTime)
		defer cancel()
		if err := ready(ctx); err != nil {
			say(w, http.StatusServiceUnavailable, err.Error())
			return
		}
		say(w, http.StatusOK, "ready")
	})
}

// say answers with one line.
func say(w http.ResponseWriter, status int, line string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	io.WriteString(w, strings.Join(strings.Fields(line), " ")+"\n")
}

// Validate tells what is wrong with the web configuration file.
func (a Admin) Validate() error {
	if a.WebConfig == "" {
		return nil
	}
	if err := web.Validate(a.WebConfig); err != nil {
		return fmt.Errorf("metrics: web_config %s: %s", a.WebConfig, withoutSecrets(err.Error()))
	}
	return nil
}

// Serve answers on ln until ctx ends. It closes ln.
func (a Admin) Serve(ctx context.Context, ln net.Listener) error {
	if err := a.Validate(); err != nil {
		ln.Close()
		return err
	}
	srv := newHTTP(a.Handler(), a.Log)
	srv.WriteTimeout = 30 * time.Second
	serve := srv.Serve
	if a.WebConfig != "" {
		flags := &web.FlagConfig{WebConfigFile: &a.WebConfig}
		serve = func(ln net.Listener) error { return web.Serve(ln, srv, flags, a.Log) }
	}
	err := serveHTTP(ctx, srv, ln, serve)
	if err != nil {
		return fmt.Errorf("metrics: %s: %w", ln.Addr(), err)
	}
	return nil
}
