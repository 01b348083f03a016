package lookup

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// The protocols that a lookup may come in by.
const (
	ProtocolSocketmap = "socketmap"
	ProtocolTCPTable  = "tcptable"
)

// What became of a request.
const (
	ResultFound     = "found"
	ResultNotFound  = "notfound"
	ResultTemp      = "temp"
	ResultPerm      = "perm"
	ResultTimeout   = "timeout"
	ResultMalformed = "malformed" // not a request of the protocol
)

// UnknownMap is the label of requests for maps that do not exist. A name sent
// by a peer never becomes a label.
const UnknownMap = "unknown"

func protocols() []string { return []string{ProtocolSocketmap, ProtocolTCPTable} }

func results() []string {
	return []string{ResultFound, ResultNotFound, ResultTemp, ResultPerm, ResultTimeout, ResultMalformed}
}

// Metrics counts lookups and what the cache made of them:
//
//	lookup_requests_total{map,protocol,result}  requests answered, by outcome
//	lookup_duration_seconds{map}                time from request to answer
//	cache_requests_total{map,result}            lookups of a cached map, one each:
//	    hit           found, from memory
//	    negative_hit  not found, from memory
//	    miss          nothing was held, the origin answered
//	    expired       what was held had expired, the origin answered
//	    stale         the origin failed, an expired value was served
//	    error         no answer could be given
//	cache_stale_answer_age_seconds              time since the origin gave what was served stale
//	cache_entries                               answers held, found and not found
type Metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	cache    *prometheus.CounterVec
	staleAge prometheus.Histogram
	entries  prometheus.Gauge

	mu   sync.Mutex                             // for those who add to maps
	maps atomic.Pointer[map[string]*mapMetrics] // copied on write
}

// mapMetrics are the children of one map, so that no label is looked up while
// a request waits.
type mapMetrics struct {
	requests map[string]map[string]prometheus.Counter // by protocol and result
	duration prometheus.Observer
}

// NewMetrics registers the metrics with reg; nil registers nothing.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	auto := promauto.With(reg)
	m := &Metrics{
		requests: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "lookup_requests_total",
			Help: "Lookup requests answered, by map, protocol and outcome.",
		}, []string{"map", "protocol", "result"}),
		duration: auto.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "lookup_duration_seconds",
			Help:    "Time from a lookup request to its answer.",
			Buckets: []float64{1e-5, 1e-4, 1e-3, 5e-3, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30},
		}, []string{"map"}),
		cache: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "cache_requests_total",
			Help: "Lookups of cached maps, by what the cache made of them.",
		}, []string{"map", "result"}),
		staleAge: auto.NewHistogram(prometheus.HistogramOpts{
			Name:    "cache_stale_answer_age_seconds",
			Help:    "Time since the origin gave an answer that was served stale.",
			Buckets: []float64{60, 120, 300, 600, 1200, 1800, 3600, 7200, 21600, 86400},
		}),
		entries: auto.NewGauge(prometheus.GaugeOpts{
			Name: "cache_entries",
			Help: "Answers held by the cache, found and not found.",
		}),
	}
	m.maps.Store(&map[string]*mapMetrics{})
	m.Map(UnknownMap)
	return m
}

// Map makes the map's series known at zero, so that its first event shows as
// one. Requests for maps that were not made known count as UnknownMap.
func (m *Metrics) Map(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := *m.maps.Load()
	if old[name] != nil {
		return
	}
	maps := make(map[string]*mapMetrics, len(old)+1)
	for k, v := range old {
		maps[k] = v
	}
	maps[name] = m.children(name)
	m.maps.Store(&maps)
}

func (m *Metrics) children(name string) *mapMetrics {
	mm := &mapMetrics{
		requests: map[string]map[string]prometheus.Counter{},
		duration: m.duration.WithLabelValues(name),
	}
	for _, protocol := range protocols() {
		mm.requests[protocol] = map[string]prometheus.Counter{}
		for _, result := range results() {
			mm.requests[protocol][result] = m.requests.WithLabelValues(name, protocol, result)
		}
	}
	return mm
}

// Observe counts one request of a map, and the time d it took. Protocol and
// result are constants of this package. A nil Metrics counts nothing.
func (m *Metrics) Observe(mapName, protocol, result string, d time.Duration) {
	if m == nil {
		return
	}
	maps := *m.maps.Load()
	mm := maps[mapName]
	if mm == nil {
		mm = maps[UnknownMap]
	}
	if requests := mm.requests[protocol][result]; requests != nil {
		requests.Inc()
	}
	mm.duration.Observe(d.Seconds())
}

// cacheMetrics are the children of one cached map.
type cacheMetrics struct {
	hit, negativeHit, miss, expired, stale, failed prometheus.Counter

	staleAge prometheus.Observer // of all maps
}

func (m *Metrics) cached(mapName string) cacheMetrics {
	result := func(name string) prometheus.Counter { return m.cache.WithLabelValues(mapName, name) }
	return cacheMetrics{
		hit:         result("hit"),
		negativeHit: result("negative_hit"),
		miss:        result("miss"),
		expired:     result("expired"),
		stale:       result("stale"),
		failed:      result("error"),
		staleAge:    m.staleAge,
	}
}

// servedStale counts an expired answer that stood in for the origin.
func (m *cacheMetrics) servedStale(age time.Duration) {
	m.stale.Inc()
	m.staleAge.Observe(age.Seconds())
}
