package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"postern/internal/daemon"
	"postern/internal/lookup"
	"postern/internal/serve"
	"postern/internal/supervise"
	"postern/socketmap"
	"postern/srsd"
	"postern/srsd/envelope"
	"postern/srsd/milter"
	"postern/tcptable"
)

// lameDuck is how long the connections of a worker that was replaced go on.
// They are answered by the newer settings, so it may be long: Postfix leaves
// a socketmap after 100 s, a tcp table when its process ends, a milter with the
// SMTP session, whose next mail would get a 451.
const lameDuck = 1000 * time.Second

// postsrsdWorker serves one load of a configuration of PostSRSd.
type postsrsdWorker struct {
	stderr   io.Writer
	log      *slog.Logger
	level    slog.LevelVar
	now      func() time.Time
	registry *prometheus.Registry
	lookups  *lookup.Metrics
	srs      *srsd.Metrics
	conns    *serve.Metrics
	milter   *milter.Metrics
	stores   *envelope.Metrics
	store    *envelope.Store
	prepared bool
	face     atomic.Pointer[postsrsdFace]
}

// runPostSRSdWorker does what the parent says.
func runPostSRSdWorker(ctx context.Context, stderr io.Writer, log *slog.Logger) error {
	w := &postsrsdWorker{stderr: stderr, log: log}
	err := supervise.Worker{Prepare: w.prepare, Serve: w.serve, Apply: w.apply, Log: log}.Run(ctx)
	switch {
	case err != nil && w.prepared:
		return &exitError{status: exitTemp} // the parent has the reason and says it
	case err != nil:
		return temporary(err)
	}
	return nil
}

// prepare connects to syslog, which no chroot has.
func (w *postsrsdWorker) prepare(settings json.RawMessage) error {
	s, err := parseSettings(settings)
	if err != nil {
		return err
	}
	w.prepared = true
	w.setLevel(s)
	w.log, err = postsrsdLogger(w.stderr, s, &w.level)
	return err
}

// postsrsdLogger logs where PostSRSd does; 1.x knows syslog only. Where there is
// none it is standard error: PostSRSd serves on then, too.
func postsrsdLogger(stderr io.Writer, s *postsrsdSettings, level slog.Leveler) (*slog.Logger, error) {
	if s.Syslog {
		if log, err := daemon.NewSyslogLogger("postsrsd", level); err == nil {
			return log, nil
		}
	}
	return daemon.NewLogger(stderr, "text", level, nil)
}

func (w *postsrsdWorker) setLevel(s *postsrsdSettings) {
	w.level.Set(slog.LevelInfo)
	if s.Debug {
		w.level.Set(slog.LevelDebug)
	}
}

func parseSettings(text json.RawMessage) (*postsrsdSettings, error) {
	s := &postsrsdSettings{}
	if err := json.Unmarshal(text, s); err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	return s, nil
}

// clockVariable fixes the clock of a generation.
func clockVariable(generation int) string {
	if generation == 2 {
		return "POSTSRSD_FAKETIME"
	}
	return "POSTERN_FAKETIME"
}

// serve answers on the listeners of a job.
func (w *postsrsdWorker) serve(ctx context.Context, job supervise.Job, ready func()) (err error) {
	s, err := parseSettings(job.Settings)
	if err != nil {
		return err
	}
	if w.now, err = clock(clockVariable(s.Generation), slog.New(slog.DiscardHandler)); err != nil { // the parent has warned
		return err
	}
	w.register(s)
	if s.Database != "" {
		options := envelope.Options{Exact: true, Now: w.now, Log: w.log, Metrics: w.stores}
		if w.store, err = envelope.Open(ctx, s.Database, options); err != nil {
			return err
		}
		defer w.store.Close()
	}
	if err := w.apply(job.Settings); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, l := range job.Listeners {
		serve := w.server(s, l.Name, job.Hurry)
		group.Go(func() error { return serve(ctx, l.Listener) })
	}
	ready()
	return group.Wait()
}

// register makes the metrics.
func (w *postsrsdWorker) register(s *postsrsdSettings) {
	w.registry = prometheus.NewRegistry()
	w.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	prefixed := prometheus.WrapRegistererWithPrefix("postern_", w.registry)
	registerBuildInfo(prefixed)
	w.lookups, w.conns = lookup.NewMetrics(prefixed), serve.NewMetrics(prefixed)
	w.srs, w.milter = srsd.NewMetrics(prefixed), milter.NewMetrics(prefixed)
	w.lookups.Map("forward")
	w.lookups.Map("reverse")
	if s.Database != "" {
		w.stores = envelope.NewMetrics(prefixed)
	}
	srsd.RegisterRing(prefixed, func() *srsd.Ring {
		if face := w.face.Load(); face != nil {
			return face.ring
		}
		return nil
	}, w.now)
}

// apply takes settings into use. The store stays: its place may be out of reach
// by now.
func (w *postsrsdWorker) apply(settings json.RawMessage) error {
	s, err := parseSettings(settings)
	if err != nil {
		return err
	}
	face, err := newPostSRSdFace(s, w.store, w.now, w.srs, w.log)
	if err != nil {
		return err
	}
	w.setLevel(s)
	w.face.Store(face)
	return nil
}

// server answers on one listener.
func (w *postsrsdWorker) server(s *postsrsdSettings, name string, hurry <-chan struct{}) func(context.Context, net.Listener) error {
	use, _, _ := strings.Cut(name, " ")
	if use == "metrics" {
		return daemon.Admin{Gatherer: w.registry, Ready: func(context.Context) error { return nil }, Log: w.log}.Serve
	}
	server := serve.Server{
		Daemon: "srsd", Log: w.log, Metrics: w.conns, Hurry: hurry,
		Limits: serve.Limits{Connections: s.Connections, FirstRequest: s.Wait, Idle: s.Wait, LameDuck: lameDuck},
	}
	switch use {
	case "forward", "reverse":
		handler := classicHandler(use, lookup.Func(func(ctx context.Context, key string) (string, bool, error) {
			if use == "forward" {
				return w.face.Load().forward.Lookup(ctx, key)
			}
			return w.face.Load().reverse.Lookup(ctx, key)
		}))
		handler.Observer, handler.Log = tcptable.ObserverOf(w.lookups), w.log
		server.Handler = handler
	case "socketmap":
		handler := modernHandler(func() lookup.Set { return w.face.Load().set() })
		handler.Observer, handler.Log = socketmap.ObserverOf(w.lookups), w.log
		server.Handler = handler
	case "milter":
		server.ConnHandler = &milter.Handler{Rules: func() milter.Rules { return w.face.Load().rules }, Log: w.log, Observer: w.milter}
	}
	return server.Serve
}
