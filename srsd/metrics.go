package srsd

import (
	"errors"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postern/srsd/srs"
)

// Directions and results of postern_srs_rewrites_total.
const (
	forward = "forward"
	reverse = "reverse"

	resultOK        = "ok"
	resultLocal     = "local"     // a sender of a local domain: left as it is
	resultSRS       = "srs"       // a valid address of ours: left as it is (1.x)
	resultLong      = "long"      // embedded beyond 64 octets; counted as ok, too
	resultStored    = "stored"    // kept in the store; counted as ok, too
	resultNotSRS    = "not_srs"   // no SRS address: left as it is
	resultForeign   = "foreign"   // of another domain: left as it is
	resultMalformed = "malformed" // no address, or no SRS address inside
	resultExpired   = "expired"   // older than an address lives
	resultForged    = "forged"    // the signature is wrong
	resultUnknown   = "unknown"   // the store has no such sender
	resultTrouble   = "trouble"   // no answer; Postfix asks again
)

// Metrics count rewrites. A nil *Metrics counts nothing.
type Metrics struct {
	counts map[string]map[string]prometheus.Counter // by direction and result
	vec    *prometheus.CounterVec
}

// NewMetrics registers the counters.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		counts: map[string]map[string]prometheus.Counter{forward: {}, reverse: {}},
		vec: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "srs_rewrites_total",
			Help: "Addresses that SRS was asked for, by direction (forward, reverse) and result.",
		}, []string{"direction", "result"}),
	}
	reg.MustRegister(m.vec)
	for direction, results := range map[string][]string{
		forward: {resultOK, resultLocal, resultSRS, resultLong, resultStored, resultMalformed, resultTrouble},
		reverse: {resultOK, resultNotSRS, resultForeign, resultMalformed, resultExpired, resultForged, resultUnknown, resultTrouble},
	} {
		for _, result := range results {
			m.counts[direction][result] = m.vec.WithLabelValues(direction, result)
		}
	}
	return m
}

func (m *Metrics) count(direction, result string) {
	if m == nil {
		return
	}
	if c := m.counts[direction][result]; c != nil {
		c.Inc()
		return
	}
	m.vec.WithLabelValues(direction, result).Inc()
}

// fail counts an error and passes it on.
func (m *Metrics) fail(direction string, err error) error {
	result := resultTrouble
	if about := srs.Error(""); errors.As(err, &about) && about != noDatabase {
		result = resultMalformed
	}
	m.count(direction, result)
	return err
}

// resultOf names what is wrong with an address.
func resultOf(err error) string {
	switch {
	case errors.Is(err, srs.NotSRS):
		return resultNotSRS
	case errors.Is(err, srs.OutOfDate):
		return resultExpired
	case errors.Is(err, srs.BadHash), errors.Is(err, srs.ShortHash):
		return resultForged
	case errors.Is(err, unknownAlias), errors.Is(err, noDatabase):
		return resultUnknown
	}
	return resultMalformed
}

// RegisterRing shows what each secret does, by fingerprint, as of the ring that
// is current at the time of a scrape. An alert can compare hosts: they must
// agree on who signs.
func RegisterRing(reg prometheus.Registerer, current func() *Ring, now func() time.Time) {
	reg.MustRegister(ringCollector{
		desc:    prometheus.NewDesc("srs_secret_info", "Always 1; the labels tell the line of a secret in its file, its fingerprint and what it does (signs, verifies, retired).", []string{"slot", "fingerprint", "state"}, nil),
		current: current,
		now:     now,
	})
}

type ringCollector struct {
	desc    *prometheus.Desc
	current func() *Ring
	now     func() time.Time
}

// Describe implements prometheus.Collector.
func (c ringCollector) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

// Collect implements prometheus.Collector.
func (c ringCollector) Collect(ch chan<- prometheus.Metric) {
	ring := c.current()
	if ring == nil {
		return
	}
	for i, slot := range ring.Slots(c.now()) {
		ch <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, 1, strconv.Itoa(i+1), slot.Fingerprint, string(slot.State))
	}
}
