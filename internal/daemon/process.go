package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// ErrImpatient is what Run returns when a second signal ends the drain.
var ErrImpatient = errors.New("stopped by a second signal, before the drain was over")

// sameSignal is how long a signal that comes again is the same one: timeout(1)
// and kill(1) of a process group send it to the process twice.
const sameSignal = time.Second

// Process is the life of a daemon: started, reloaded, drained, ended. Fields
// that are not set have the default that stands beside them.
type Process struct {
	Log     *slog.Logger
	Metrics *Metrics                        // nil counts nowhere
	Reload  func(ctx context.Context) error // nil: there is nothing to reload
	Alive   func() error                    // for the watchdog; nil is always alive
	Signals <-chan os.Signal                // nil: those of the process
	Now     func() time.Time                // nil: time.Now
}

// Run has work done until it returns, and returns what it returned.
//
// The context of work ends at the first SIGTERM or SIGINT, or with ctx; work
// then drains and returns. At a second such signal Run returns [ErrImpatient]
// at once, unless it is the first again within a second. Work calls ready when it serves: the service manager is told, and
// the configuration counts as good. SIGHUP calls Reload, never two at a time
// and not before ready; a signal that comes during a reload causes one more.
// When Reload returns an error the old configuration is in force: so Reload
// must change nothing before it knows that everything is good.
func (p Process) Run(ctx context.Context, work func(ctx context.Context, ready func()) error) error {
	r := p.start(ctx)
	defer r.release()
	defer r.stop()
	defer r.endWatchdog()
	done := make(chan error, 1)
	go func() { done <- work(r.ctx, r.ready) }()
	err := r.watch(done)
	if !errors.Is(err, ErrImpatient) {
		r.stop()
		r.endWatchdog()
		r.helpers.Wait()
	}
	return err
}

// run is one Run.
type run struct {
	Process
	notify   Notify
	signals  <-chan os.Signal
	release  func() // of the signals
	ctx      context.Context
	stop     context.CancelFunc
	isReady  chan struct{}
	ready    func()
	hangups  chan struct{} // one SIGHUP that is not yet heeded
	stopping bool
	stopper  os.Signal // which began the drain, if any did
	stopped  time.Time // when it came

	endWatchdog context.CancelFunc
	helpers     sync.WaitGroup
}

func (p Process) start(ctx context.Context) *run {
	r := &run{
		Process: p,
		notify:  Notify{p.Log},
		signals: p.Signals,
		release: func() {},
		isReady: make(chan struct{}),
		hangups: make(chan struct{}, 1),
	}
	if r.Metrics == nil {
		r.Metrics = NewMetrics(nil)
	}
	if r.Now == nil {
		r.Now = time.Now
	}
	if r.Alive == nil {
		r.Alive = func() error { return nil }
	}
	if r.signals == nil {
		c := make(chan os.Signal, 8)
		signal.Notify(c, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
		r.signals, r.release = c, func() { signal.Stop(c) }
	}
	r.ctx, r.stop = context.WithCancel(ctx)
	r.ready = sync.OnceFunc(r.isServing)
	watchdog, end := context.WithCancel(context.WithoutCancel(ctx))
	r.endWatchdog = end
	r.helpers.Go(func() { r.notify.Watchdog(watchdog, r.Alive) })
	r.helpers.Go(r.reloads)
	return r
}

// isServing is ready's first call.
func (r *run) isServing() {
	r.Metrics.loaded(r.Now())
	r.notify.Ready("serving")
	r.Log.Info("serving", "pid", os.Getpid())
	close(r.isReady)
}

// watch heeds signals until the work is done.
func (r *run) watch(done <-chan error) error {
	ended := r.ctx.Done()
	for {
		select {
		case err := <-done:
			return err
		case <-ended:
			ended = nil
			r.drain("context ended")
		case sig := <-r.signals:
			switch {
			case sig == syscall.SIGHUP:
				r.hangUp()
			case r.stopping && sig == r.stopper && r.Now().Sub(r.stopped) < sameSignal:
			case r.stopping:
				return fmt.Errorf("%v: %w", sig, ErrImpatient)
			default:
				r.stopper, r.stopped = sig, r.Now()
				r.drain(sig.String())
			}
		}
	}
}

// drain has the work end, once.
func (r *run) drain(why string) {
	if r.stopping {
		return
	}
	r.stopping = true
	r.Log.Info("stopping", "reason", why)
	r.notify.Stopping()
	r.stop()
}

// hangUp asks for a reload; one that waits already will do.
func (r *run) hangUp() {
	select {
	case r.hangups <- struct{}{}:
	default:
	}
}

// reloads heeds hang-ups one after the other.
func (r *run) reloads() {
	select {
	case <-r.isReady:
	case <-r.ctx.Done():
		return
	}
	for {
		select {
		case <-r.hangups:
			r.reload()
		case <-r.ctx.Done():
			return
		}
	}
}

func (r *run) reload() {
	if r.Reload == nil {
		r.Log.Info("SIGHUP: there is nothing to reload")
		return
	}
	r.notify.Reloading()
	err := r.Reload(r.ctx)
	switch {
	case r.ctx.Err() != nil:
		return // stopping: the manager has been told so
	case err != nil:
		r.Metrics.failed()
		r.Log.Error("reload failed, the old configuration stays", "error", err)
		r.notify.Ready("serving with the old configuration, the new one is bad: " + err.Error())
	default:
		r.Metrics.loaded(r.Now())
		r.Log.Info("reloaded")
		r.notify.Ready("serving")
	}
}
