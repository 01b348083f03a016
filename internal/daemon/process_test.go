package daemon_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postern/internal/daemon"
	"postern/internal/logtest"
)

// life is a Process under test.
type life struct {
	t       *testing.T
	signals chan os.Signal
	reg     *prometheus.Registry
	log     *logtest.Log
	done    chan error
}

func (l *life) start(reload func(context.Context) error, work func(context.Context, func()) error) {
	log, lines := logTo(l.t)
	l.log, l.signals, l.reg, l.done = lines, make(chan os.Signal), prometheus.NewRegistry(), make(chan error, 1)
	p := daemon.Process{
		Log:     log,
		Metrics: daemon.NewMetrics(l.reg),
		Reload:  reload,
		Signals: l.signals,
		Now:     time.Now,
	}
	go func() { l.done <- p.Run(l.t.Context(), work) }()
}

func (l *life) metric(name string) float64 {
	l.t.Helper()
	families, err := l.reg.Gather()
	if err != nil {
		l.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	l.t.Fatalf("no metric %s", name)
	return 0
}

func (l *life) wantReload(successful, at float64) {
	l.t.Helper()
	if got := l.metric("config_last_reload_successful"); got != successful {
		l.t.Errorf("config_last_reload_successful is %v, want %v", got, successful)
	}
	if got := l.metric("config_last_reload_success_timestamp_seconds"); got != at {
		l.t.Errorf("config_last_reload_success_timestamp_seconds is %v, want %v", got, at)
	}
}

// drains serves until it is told to stop and then drains for a minute.
func drains(ctx context.Context, ready func()) error {
	ready()
	<-ctx.Done()
	time.Sleep(time.Minute)
	return nil
}

func TestStopDrains(t *testing.T) {
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &life{t: t}
				l.start(nil, drains)
				began := time.Now()
				l.signals <- sig
				l.signals <- syscall.SIGHUP // too late to reload, no reason to die
				if err := <-l.done; err != nil {
					t.Error(err)
				}
				if d := time.Since(began); d != time.Minute {
					t.Errorf("Run returned after %v", d)
				}
				if !strings.Contains(l.log.String(), "reason="+sig.String()) && !strings.Contains(l.log.String(), `reason="`+sig.String()) {
					t.Error("the log does not say why")
				}
			})
		})
	}
}

func TestSecondSignalDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &life{t: t}
		l.start(nil, drains)
		began := time.Now()
		l.signals <- syscall.SIGTERM
		l.signals <- syscall.SIGINT
		if err := <-l.done; !errors.Is(err, daemon.ErrImpatient) {
			t.Errorf("Run returned %v", err)
		}
		if d := time.Since(began); d != 0 {
			t.Errorf("Run returned after %v", d)
		}
		time.Sleep(time.Minute) // the work that was left behind
	})
}

func TestSameSignalAgain(t *testing.T) {
	for name, test := range map[string]struct {
		later time.Duration
		takes time.Duration
		err   error
	}{
		"at once":         {0, time.Minute, nil},
		"within a second": {999 * time.Millisecond, time.Minute, nil},
		"after a second":  {time.Second, time.Second, daemon.ErrImpatient},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &life{t: t}
				l.start(nil, drains)
				began := time.Now()
				l.signals <- syscall.SIGTERM
				time.Sleep(test.later)
				l.signals <- syscall.SIGTERM
				if err := <-l.done; !errors.Is(err, test.err) {
					t.Errorf("Run returned %v", err)
				}
				if d := time.Since(began); d != test.takes {
					t.Errorf("Run returned after %v", d)
				}
				time.Sleep(time.Minute) // the work that was left behind
			})
		})
	}
}

func TestWorkThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("no database")
		l := &life{t: t}
		l.start(nil, func(context.Context, func()) error { return broken })
		if err := <-l.done; err != broken {
			t.Errorf("Run returned %v", err)
		}
		l.wantReload(0, 0)
	})
}

func TestParentContextDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, _ := logTo(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		began := time.Now()
		err := daemon.Process{Log: log, Signals: make(chan os.Signal)}.Run(ctx, drains)
		if d := time.Since(began); err != nil || d != time.Hour+time.Minute {
			t.Errorf("Run returned %v after %v", err, d)
		}
	})
}

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &life{t: t}
		began := float64(time.Now().Unix())
		var fails error
		reloads := 0
		l.start(func(context.Context) error { reloads++; return fails }, drains)
		synctest.Wait()
		l.wantReload(1, began)

		time.Sleep(1500 * time.Millisecond)
		fails = errors.New("postern.yaml:3: unknown key")
		l.signals <- syscall.SIGHUP
		synctest.Wait()
		l.wantReload(0, began)
		if !strings.Contains(l.log.String(), "old configuration stays") || !strings.Contains(l.log.String(), "postern.yaml:3: unknown key") {
			t.Error("the log does not tell of the bad configuration")
		}

		fails = nil
		l.signals <- syscall.SIGHUP
		synctest.Wait()
		l.wantReload(1, began+1.5)
		l.signals <- syscall.SIGTERM
		if err := <-l.done; err != nil || reloads != 2 {
			t.Errorf("Run returned %v after %d reloads", err, reloads)
		}
	})
}

// Reloads run one at a time; signals that come meanwhile are one more, not
// many, and none is lost. A stop does not wait for a slow reload's timer.
func TestReloadsDoNotOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, reloads atomic.Int32
		l := &life{t: t}
		l.start(func(ctx context.Context) error {
			if running.Add(1) > 1 {
				t.Error("two reloads at a time")
			}
			reloads.Add(1)
			select {
			case <-time.After(10 * time.Second):
			case <-ctx.Done():
			}
			running.Add(-1)
			return ctx.Err()
		}, drains)
		for range 5 {
			l.signals <- syscall.SIGHUP
			synctest.Wait()
		}
		time.Sleep(15 * time.Second)
		if n := reloads.Load(); n != 2 {
			t.Errorf("%d reloads for five signals, want 2", n)
		}
		began := time.Now()
		l.signals <- syscall.SIGTERM
		if err := <-l.done; err != nil || time.Since(began) != time.Minute {
			t.Errorf("Run returned %v after %v", err, time.Since(began))
		}
		l.wantReload(1, l.metric("config_last_reload_success_timestamp_seconds")) // a stop is no failure
	})
}

// A SIGHUP before the process serves is heeded when it does.
func TestReloadBeforeReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var serving, reloaded atomic.Bool
		l := &life{t: t}
		l.start(func(context.Context) error {
			reloaded.Store(true)
			if !serving.Load() {
				t.Error("reloaded before ready")
			}
			return nil
		}, func(ctx context.Context, ready func()) error {
			time.Sleep(time.Minute)
			serving.Store(true)
			return drains(ctx, ready)
		})
		l.signals <- syscall.SIGHUP
		time.Sleep(2 * time.Minute)
		if !reloaded.Load() {
			t.Error("the signal was lost")
		}
		l.signals <- syscall.SIGTERM
		<-l.done
	})
}

func TestNothingToReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &life{t: t}
		l.start(nil, drains)
		l.signals <- syscall.SIGHUP
		synctest.Wait()
		if !strings.Contains(l.log.String(), "nothing to reload") {
			t.Error("SIGHUP is not answered in the log")
		}
		l.signals <- syscall.SIGTERM
		<-l.done
	})
}

// The whole life as a service manager sees it, with signals from the kernel.
func TestLifeUnderAManager(t *testing.T) {
	m := newManager(t)
	log, _ := logTo(t)
	results := make(chan error, 1)
	p := daemon.Process{Log: log, Reload: func(context.Context) error { return <-results }}
	done := make(chan error, 1)
	go func() {
		done <- p.Run(t.Context(), func(ctx context.Context, ready func()) error {
			ready()
			ready() // once is enough
			<-ctx.Done()
			return nil
		})
	}()
	m.want("READY=1\nSTATUS=serving\n")
	kill := func(sig syscall.Signal) {
		t.Helper()
		if err := syscall.Kill(os.Getpid(), sig); err != nil {
			t.Fatal(err)
		}
	}
	kill(syscall.SIGHUP)
	m.want("RELOADING=1\nMONOTONIC_USEC=[0-9]+\nSTATUS=reloading\n")
	results <- errors.New("line 1:\nbad")
	m.want("READY=1\nSTATUS=serving with the old configuration, the new one is bad: line 1: bad\n")
	kill(syscall.SIGHUP)
	m.want("RELOADING=1\n(?s:.*)")
	results <- nil
	m.want("READY=1\nSTATUS=serving\n")
	kill(syscall.SIGTERM)
	m.want("STOPPING=1\nSTATUS=draining\n")
	if err := <-done; err != nil {
		t.Error(err)
	}
}
