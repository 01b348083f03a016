package status

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
	dto "github.com/prometheus/client_model/go"
)

// daemon is a registry with some of what a process counts.
type daemon struct {
	registry *prometheus.Registry
	lookups  *prometheus.CounterVec
	duration *prometheus.HistogramVec
	cache    *prometheus.CounterVec
	rules    *prometheus.CounterVec
}

func newDaemon() *daemon {
	d := &daemon{registry: prometheus.NewRegistry()}
	auto := promauto.With(d.registry)
	counter := func(name string, labels ...string) *prometheus.CounterVec {
		return auto.NewCounterVec(prometheus.CounterOpts{Name: name}, labels)
	}
	d.lookups = counter(lookupRequests, "map", "protocol", "result")
	d.duration = auto.NewHistogramVec(prometheus.HistogramOpts{Name: lookupDuration}, []string{"map"})
	d.cache = counter(cacheRequests, "map", "result")
	d.rules = counter(policyDecisions, "check", "rule", "action")
	return d
}

func (d *daemon) gauge(name string, value float64) prometheus.Gauge {
	g := promauto.With(d.registry).NewGauge(prometheus.GaugeOpts{Name: name})
	g.Set(value)
	return g
}

func (d *daemon) ask(name, protocol, result string, n int) {
	d.lookups.WithLabelValues(name, protocol, result).Add(float64(n))
	for range n {
		d.duration.WithLabelValues(name).Observe(0.002)
	}
}

// clock is a time that stands until it is moved.
type clock struct{ time.Time }

func (c *clock) now() time.Time           { return c.Time }
func (c *clock) advance(by time.Duration) { c.Time = c.Add(by) }

func noon() *clock { return &clock{time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)} }

func TestSnapshot(t *testing.T) {
	d, at := newDaemon(), noon()
	decisions := []Decision{{ID: "K7"}}
	s := NewSampler(d.registry, About{Daemon: "serve", PID: 7, Started: at.Time},
		func() Facts { return Facts{Decisions: decisions} }, at.now)
	d.ask("virtual", "socketmap", "found", 100)
	s.Sample()
	at.advance(every)
	d.ask("virtual", "socketmap", "found", 10)
	d.ask("virtual", "tcptable", "notfound", 5)
	d.ask("forward", "tcptable", "temp", 1)
	d.ask("idle", "tcptable", "found", 0)
	d.cache.WithLabelValues("legacy", "hit").Add(2)
	d.cache.WithLabelValues("legacy", "negative_hit").Add(1)
	d.cache.WithLabelValues("other", "miss").Add(1)
	d.cache.WithLabelValues("other", "stale").Add(4)
	d.rules.WithLabelValues("bans", "domain", "reject").Add(2)
	d.rules.WithLabelValues("greylist", "", "shadow_defer").Add(3)
	d.rules.WithLabelValues("bans", "", "dunno").Add(50)
	s.Sample()
	shot := s.Snapshot()

	if shot.Daemon != "serve" || shot.PID != 7 || !shot.Now.Equal(at.Time) || len(shot.Decisions) != 1 {
		t.Errorf("%+v", shot)
	}
	wantLookups := []Lookups{
		{Map: "virtual", Found: 110, NotFound: 5, PerSecond: 3, Mean: 0.002},
		{Map: "forward", Trouble: 1, PerSecond: 0.2, Mean: 0.002},
		{Map: "idle"},
	}
	for i := range shot.Lookups {
		shot.Lookups[i].Mean = math.Round(shot.Lookups[i].Mean*1e6) / 1e6
	}
	if !slices.Equal(shot.Lookups, wantLookups) {
		t.Errorf("lookups %+v", shot.Lookups)
	}
	if want := (Cache{Hits: 3.0 / 8, Stale: 4, Total: 8}); shot.Cache == nil || *shot.Cache != want {
		t.Errorf("cache %+v, want %+v", shot.Cache, want)
	}
	wantRules := []Count{{"greylist shadow_defer", 3, 36}, {"bans domain reject", 2, 24}}
	if !slices.Equal(shot.Rules, wantRules) {
		t.Errorf("rules %+v", shot.Rules)
	}
	for name, want := range map[string][]float64{"lookups": {3.2}, "trouble": {0.2}, "hits": {3.0 / 8}, "refused": {0.4}} {
		if got := line(shot, name); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if got := line(shot, "srs"); got != nil {
		t.Errorf("a daemon without SRS has a line of it: %v", got)
	}
	if _, err := json.Marshal(shot); err != nil {
		t.Error(err)
	}
}

func line(shot Snapshot, name string) []float64 {
	for _, s := range shot.Series {
		if s.Name == name {
			return s.Values
		}
	}
	return nil
}

func TestWithoutSamplesThereAreNoRates(t *testing.T) {
	d := newDaemon()
	d.ask("virtual", "socketmap", "found", 9)
	shot := NewSampler(d.registry, About{}, nil, nil).Snapshot()
	if len(shot.Lookups) != 1 || shot.Lookups[0].Found != 9 || shot.Lookups[0].PerSecond != 0 || shot.Lookups[0].Mean != 0 {
		t.Errorf("%+v", shot.Lookups)
	}
	if shot.Series != nil {
		t.Errorf("%+v", shot.Series)
	}
}

func TestACounterThatBeginsAnewIsNoNegativeRate(t *testing.T) {
	d, at := newDaemon(), noon()
	s := NewSampler(d.registry, About{}, nil, at.now)
	d.ask("virtual", "socketmap", "found", 1000)
	s.Sample()
	d.lookups.Reset()
	d.ask("virtual", "socketmap", "found", 5)
	at.advance(every)
	s.Sample()
	shot := s.Snapshot()
	if got := shot.Lookups[0].PerSecond; got != 1 {
		t.Errorf("%v lookups a second, want 1", got)
	}
	if got := line(shot, "lookups"); !slices.Equal(got, []float64{1}) {
		t.Errorf("line %v", got)
	}
}

func TestFiguresThatAreNoNumbers(t *testing.T) {
	d, at := newDaemon(), noon()
	d.gauge(cacheEntries, math.NaN())
	d.gauge(tableHeld, math.Inf(1))
	d.duration.WithLabelValues("virtual").Observe(math.NaN())
	d.lookups.WithLabelValues("virtual", "tcptable", "found").Inc()
	s := NewSampler(d.registry, About{}, nil, at.now)
	for range 3 {
		s.Sample()
		at.advance(every)
	}
	if _, err := json.Marshal(s.Snapshot()); err != nil {
		t.Error(err)
	}
}

func TestAnEmptyRegistry(t *testing.T) {
	at := noon()
	s := NewSampler(prometheus.NewRegistry(), About{Daemon: "srsd"}, func() Facts { return Facts{Redis: "r", Store: "s"} }, at.now)
	s.Sample()
	at.advance(every)
	s.Sample()
	shot := s.Snapshot()
	if len(shot.Health) != 0 || len(shot.Lookups) != 0 || len(shot.Series) != 0 || shot.Cache != nil {
		t.Errorf("%+v", shot)
	}
}

func TestSamplesOfFiveMinutesAreKept(t *testing.T) {
	d, at := newDaemon(), noon()
	s := NewSampler(d.registry, About{}, nil, at.now)
	for range 500 {
		d.ask("virtual", "tcptable", "found", 1)
		s.Sample()
		at.advance(every)
	}
	got := line(s.Snapshot(), "lookups")
	if want := int(keep / every); len(got) != want {
		t.Errorf("%d values, want %d", len(got), want)
	}
	if rate := s.Snapshot().Lookups[0].PerSecond; math.Abs(rate-0.2) > 0.02 {
		t.Errorf("%v lookups a second within the last minute", rate)
	}
	if slices.Max(got) != 0.2 || slices.Min(got) != 0.2 {
		t.Errorf("values %v", got)
	}
}

// TestAClockThatGoesBack: nothing grows without end, no figure is negative, and
// after a minute there are rates again.
func TestAClockThatGoesBack(t *testing.T) {
	d, at := newDaemon(), noon()
	s := NewSampler(d.registry, About{}, nil, at.now)
	sample := func(n int, step time.Duration) {
		for range n {
			d.ask("virtual", "tcptable", "found", 1)
			s.Sample()
			at.advance(step)
		}
	}
	sample(30, every)
	at.advance(-24 * time.Hour)
	sample(3, every)
	sample(200, -time.Second)
	shot := s.Snapshot()
	if got := line(shot, "lookups"); len(got) > int(keep/every) || slices.Min(got) < 0 {
		t.Errorf("%d values, the least %v", len(got), slices.Min(got))
	}
	if rate := shot.Lookups[0].PerSecond; rate < 0 {
		t.Errorf("%v lookups a second", rate)
	}
	sample(int(recent/every)+1, every)
	if rate := s.Snapshot().Lookups[0].PerSecond; math.Abs(rate-0.2) > 0.02 {
		t.Errorf("%v lookups a second after a minute", rate)
	}
}

// TestManyWhoAskShareAReading also has the clock go back.
func TestManyWhoAskShareAReading(t *testing.T) {
	d, at := newDaemon(), noon()
	gathered := 0
	counting := prometheus.GathererFunc(func() (m []*dto.MetricFamily, err error) {
		gathered++
		return d.registry.Gather()
	})
	s := NewSampler(counting, About{}, nil, at.now)
	for range 100 {
		s.Snapshot()
	}
	if gathered != 1 {
		t.Errorf("%d readings within a second", gathered)
	}
	at.advance(fresh)
	s.Snapshot()
	at.advance(-time.Hour)
	s.Snapshot()
	if gathered != 3 {
		t.Errorf("%d readings, want 3", gathered)
	}
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon()
		s := NewSampler(d.registry, About{}, nil, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); s.Run(ctx) }()
		d.ask("virtual", "tcptable", "found", 0)
		time.Sleep(12 * time.Second)
		if got := line(s.Snapshot(), "lookups"); len(got) != 2 {
			t.Errorf("after 12 s the line is %v", got)
		}
		cancel()
		<-done
	})
}

func TestCopiesThatFailedLongAgoAreForgotten(t *testing.T) {
	d, at := newDaemon(), noon()
	saves := promauto.With(d.registry).NewCounterVec(prometheus.CounterOpts{Name: tableSaves}, []string{"table", "result"})
	s := NewSampler(d.registry, About{}, nil, at.now)
	s.Sample()
	saves.WithLabelValues("alias", "error").Add(3)
	at.advance(fresh)
	for minute, want := range []State{Poor, Poor, Poor, Poor, Poor, Poor, Good, Good} {
		if got := s.Snapshot().Health[0]; got.Name != "disk copies" || got.State != want {
			t.Errorf("after %d minutes: %+v", minute, got)
		}
		for range 12 {
			at.advance(every)
			s.Sample()
		}
	}
}

// large is a daemon with twenty maps.
func large() *daemon {
	d := newDaemon()
	for m := range 20 {
		name := string(rune('a' + m))
		for _, result := range []string{"found", "notfound", "temp", "perm", "timeout", "malformed"} {
			d.lookups.WithLabelValues(name, "socketmap", result).Inc()
		}
		d.duration.WithLabelValues(name).Observe(1)
	}
	return d
}

// BenchmarkSample is what a daemon pays every five seconds. That of a registry
// with Go's own metrics shows why they have one of their own.
func BenchmarkSample(b *testing.B) {
	for name, own := range map[string][]prometheus.Collector{
		"ours":     nil,
		"and Go's": {collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})},
	} {
		b.Run(name, func(b *testing.B) {
			d, at := large(), noon()
			d.registry.MustRegister(own...)
			s := NewSampler(d.registry, About{}, nil, at.now)
			b.ReportAllocs()
			for b.Loop() {
				s.Sample()
				at.advance(every)
			}
		})
	}
}

// BenchmarkSnapshot is one of a daemon with all its samples.
func BenchmarkSnapshot(b *testing.B) {
	d, at := large(), noon()
	s := NewSampler(d.registry, About{}, nil, at.now)
	for range 70 {
		d.ask("a", "socketmap", "found", 10)
		s.Sample()
		at.advance(every)
	}
	b.ReportAllocs()
	for b.Loop() {
		s.Snapshot()
	}
}
