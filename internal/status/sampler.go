package status

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	every  = 5 * time.Second // between two samples
	keep   = 5 * time.Minute // how far the lines of the charts reach back
	recent = time.Minute     // what "now" means for a rate
	fresh  = time.Second     // how long one reading serves all who ask
)

// About is what of a process never changes.
type About struct {
	Daemon, Version, Host string
	PID                   int
	Started               time.Time
}

// Facts are what metrics do not tell. Names are for people, without secrets.
type Facts struct {
	NotReady  string         // why Postfix's questions cannot be answered, if so
	Databases []DatabaseFact // all that this process asks
	Tables    []TableFact    // those that are loaded
	Redis     string         // with the counters of policyd; "" where they are in memory
	Store     string         // of envelope senders; "" without one
	Decisions []Decision     // newest first, addresses masked
}

// DatabaseFact is the state of one database.
type DatabaseFact struct {
	Database
	Tables bool   // the loaded tables are read from it; else only .cf files ask it
	Asked  bool   // somebody did, since the start
	Cause  string // what the server, or the way to it, says of Trouble
}

// TableFact is the state of one table.
type TableFact struct {
	Name    string
	PerKey  bool   // too large for memory: each key is asked of the database
	Trouble string // why it was not read the last time
}

// Sampler keeps what the metrics of the last minutes were and makes Snapshots
// of it. [Sampler.Run] takes the samples; without it there are no rates and no
// charts. All methods may be called at once.
type Sampler struct {
	gatherer prometheus.Gatherer
	families map[string][]string
	about    About
	facts    func() Facts
	now      func() time.Time

	mu      sync.Mutex
	samples []sample // oldest first
	last    sample   // read when somebody asked
}

// sample is a reading and its time.
type sample struct {
	at      time.Time
	reading reading            // nil where nothing is compared with it any more
	points  map[string]float64 // of the charts, by name, since the sample before
	unsaved float64            // copies that could not be written, since the start
}

// NewSampler reads from g, whose names begin with postern_. All of g is gathered
// for each sample: Go's own metrics, which cost more than ours, belong into
// another one. Facts is called for each Snapshot; nil knows none. Now is nil for
// time.Now.
func NewSampler(g prometheus.Gatherer, about About, facts func() Facts, now func() time.Time) *Sampler {
	if facts == nil {
		facts = func() Facts { return Facts{} }
	}
	if now == nil {
		now = time.Now
	}
	return &Sampler{gatherer: g, families: families(), about: about, facts: facts, now: now}
}

// Run takes a sample each five seconds until ctx ends.
func (s *Sampler) Run(ctx context.Context) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		s.Sample()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Sample takes one sample now.
func (s *Sampler) Sample() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := sample{at: s.now(), reading: s.read()}
	now.unsaved = now.reading.saves("error")
	if n := len(s.samples); n > 0 {
		now.points = points(s.samples[n-1], now)
	}
	s.samples = append(s.samples, now)
	s.forget(now.at)
	s.last = now
}

// forget drops what is older than the charts, and of the rest what no rate is
// made of. Where the clock goes back nothing becomes older, so there is a most.
func (s *Sampler) forget(now time.Time) {
	const most = int(keep/every) + 1
	for len(s.samples) > most || len(s.samples) > 1 && now.Sub(s.samples[0].at) > keep+every/2 {
		s.samples = s.samples[1:]
	}
	for i := range s.samples {
		if age := now.Sub(s.samples[i].at); age > recent+every || age < 0 {
			s.samples[i].reading = nil
		}
	}
}

// Snapshot is the state of now.
func (s *Sampler) Snapshot() Snapshot {
	facts := s.facts()
	v := s.view()
	shot := Snapshot{
		Daemon: s.about.Daemon, Version: s.about.Version, Host: s.about.Host, PID: s.about.PID,
		Started: s.about.Started, Now: v.now.at,
		NotReady:  facts.NotReady,
		Decisions: facts.Decisions,
	}
	shot.Lookups, shot.Cache = v.lookups(), v.cache()
	shot.Tables, shot.Database = v.tables(facts.Tables), databases(facts.Databases)
	shot.Connections, shot.SRS, shot.Rules = v.connections(), v.srs(), v.rules()
	shot.Series = v.series()
	shot.Health = v.health(facts)
	return shot
}

// view is what a Snapshot is computed from.
type view struct {
	now     sample
	grown   reading       // of the counters within the last minute
	within  time.Duration // how long that is; 0: nothing to compare with
	samples []sample
}

// view reads anew, unless somebody did within the last second.
func (s *Sampler) view() view {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.now(); s.last.reading == nil || now.Sub(s.last.at) >= fresh || now.Before(s.last.at) {
		s.last = sample{at: now, reading: s.read()}
	}
	v := view{now: s.last, samples: slices.Clone(s.samples)}
	v.grown = reading{}
	for _, earlier := range s.samples {
		if age := v.now.at.Sub(earlier.at); earlier.reading != nil && age > 0 && age <= recent+every/2 {
			v.grown, v.within = v.now.reading.since(earlier.reading), age
			break
		}
	}
	return v
}

// perSecond is a growth of the last minute as a rate.
func (v view) perSecond(grown float64) float64 { return over(grown, v.within.Seconds()) }

// over is a/b, and 0 where that is no number.
func over(a, b float64) float64 {
	if b <= 0 {
		return 0
	}
	return a / b
}
