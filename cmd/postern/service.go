package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"postern/internal/config"
	"postern/internal/daemon"
	"postern/internal/serve"
	"postern/internal/status"
)

// retireAfter is how long the maps of before a reload stay open for the
// lookups that still use them.
const retireAfter = 30 * time.Second

// readinessEvery is how often the service manager hears whether Postfix's
// questions can be answered.
const readinessEvery = 5 * time.Second

// service is a running process: its listeners, and the assembly they ask.
type service struct {
	role    role
	path    string // of the configuration
	log     *slog.Logger
	level   *slog.LevelVar
	metrics prometheus.Gatherer
	works   *works
	process *daemon.Metrics
	conns   *serve.Metrics
	sockets *daemon.Sockets
	status  *status.Sampler
	current atomic.Pointer[assembly]

	ctx     context.Context // of run
	group   *errgroup.Group
	mu      sync.Mutex // of what follows
	doors   map[string]*door
	pending []func() // retirements that wait
}

// newService makes the maps and opens every listener, so that what is wrong
// shows before the first question is answered.
func newService(ctx context.Context, r role, path string, c *config.Config, log *slog.Logger, level *slog.LevelVar) (*service, error) {
	registry, ofGo := prometheus.NewRegistry(), prometheus.NewRegistry() // what a status is made of, and the rest
	prefixed := prometheus.WrapRegistererWithPrefix("postern_", registry)
	ofGo.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	registerBuildInfo(prefixed)
	works, err := newWorks(r, c, prefixed, log)
	if err != nil {
		return nil, err
	}
	s := &service{
		role: r, path: path, log: log, level: level, metrics: prometheus.Gatherers{registry, ofGo},
		works:   works,
		process: daemon.NewMetrics(prefixed),
		conns:   serve.NewMetrics(prefixed),
		sockets: daemon.Inherit(),
		doors:   map[string]*door{},
	}
	registerReady(prefixed, s)
	s.status = status.NewSampler(registry, s.about(), s.facts, nil)
	a, err := assemble(ctx, c, s.works, nil)
	if err != nil {
		return nil, err
	}
	s.current.Store(a)
	opened, err := s.open(c)
	if err != nil {
		return nil, badConfig(err)
	}
	s.doors = opened
	if unused := s.sockets.Unused(); len(unused) > 0 {
		log.Warn("sockets were handed over that the configuration does not name: who connects there gets no answer", "sockets", unused)
	}
	return s, nil
}

// run serves until ctx ends, then drains.
func (s *service) run(ctx context.Context, ready func()) error {
	s.group, s.ctx = errgroup.WithContext(ctx)
	s.current.Load().start(s.ctx)
	s.group.Go(func() error { s.status.Run(s.ctx); return nil })
	s.mu.Lock()
	for _, d := range s.doors {
		s.start(d)
	}
	s.mu.Unlock()
	ready()
	s.group.Go(func() error { daemon.Notify{Log: s.log}.Readiness(s.ctx, readinessEvery, s.ready); return nil })
	err := s.group.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, retire := range s.pending {
		retire()
	}
	return errors.Join(err, s.current.Load().retire(nil), s.works.pools.Close())
}

// reload reads the configuration again. Nothing changes unless all of it is
// good and every new listener opens.
func (s *service) reload(ctx context.Context) error {
	c, err := config.Load(s.path)
	if err != nil {
		return err
	}
	before := s.current.Load()
	after, err := assemble(ctx, c, s.works, before)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil {
		return errors.Join(ctx.Err(), after.retire(before))
	}
	opened, err := s.open(c)
	if err != nil {
		return errors.Join(err, after.retire(before))
	}
	s.level.Set(logLevel(c.Log.Level))
	s.warnLog(before.config.Log, c.Log)
	s.works.cache.Configure(s.works.cacheOptions(c))
	after.start(s.ctx)
	s.current.Store(after)
	s.swap(opened)
	s.retireLater(before)
	return nil
}

// warnLog says what of the log a reload does not change: nobody shall take
// addresses for hidden that are not.
func (s *service) warnLog(old, new config.Log) {
	old.Level = new.Level
	if old != new {
		s.log.Warn("log.format, log.addresses and log.key_file count from the next start on")
	}
}

// swap starts the new doors and ends those that the configuration dropped.
func (s *service) swap(opened map[string]*door) {
	for at, d := range s.doors {
		if opened[at] != d {
			d.stop()
		}
	}
	for at, d := range opened {
		if s.doors[at] != d {
			s.start(d)
		}
	}
	s.doors = opened
}

// retireLater ends what the current assembly did not take over, when no lookup
// can be using it any more.
func (s *service) retireLater(before *assembly) {
	retire := sync.OnceFunc(func() {
		if err := before.retire(s.current.Load()); err != nil {
			s.log.Warn("closing what the old configuration used", "error", err)
		}
	})
	s.pending = append(s.pending, retire)
	time.AfterFunc(retireAfter, retire)
}

// ready is for /readyz: can Postfix's questions be answered?
func (s *service) ready(context.Context) error { return s.current.Load().ready() }

// registerBuildInfo says which postern this is.
func registerBuildInfo(reg prometheus.Registerer) {
	gauge := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "build_info",
		Help: "Always 1; the labels say which version runs.",
	}, []string{"version", "commit"})
	gauge.WithLabelValues(version, commit).Set(1)
	reg.MustRegister(gauge)
}

// errNothing is a configuration without any work for this daemon.
func errNothing(r role) error {
	return fmt.Errorf("nothing to serve: the configuration has no listener for %s: add %s", r.name, r.listeners())
}
