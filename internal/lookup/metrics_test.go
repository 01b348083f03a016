package lookup_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"postern/internal/lookup"
)

// series returns the values of a registry, written as `name{label="value"}`.
func series(t *testing.T, reg prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			var labels []string
			for _, l := range metric.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			all[family.GetName()+"{"+strings.Join(labels, ",")+"}"] = valueOf(family.GetType(), metric)
		}
	}
	return all
}

func valueOf(kind dto.MetricType, metric *dto.Metric) float64 {
	switch kind {
	case dto.MetricType_COUNTER:
		return metric.GetCounter().GetValue()
	case dto.MetricType_GAUGE:
		return metric.GetGauge().GetValue()
	}
	return float64(metric.GetHistogram().GetSampleCount())
}

func wantSeries(t *testing.T, reg prometheus.Gatherer, want map[string]float64) {
	t.Helper()
	got := series(t, reg)
	for name, value := range want {
		if v, ok := got[name]; !ok || v != value {
			t.Errorf("%s = %v (known: %v), want %v", name, v, ok, value)
		}
	}
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	m := lookup.NewMetrics(reg)
	m.Map("virtual")
	m.Map("virtual")
	wantSeries(t, reg, map[string]float64{
		`lookup_requests_total{map="virtual",protocol="socketmap",result="found"}`:    0,
		`lookup_requests_total{map="virtual",protocol="tcptable",result="malformed"}`: 0,
		`lookup_duration_seconds{map="virtual"}`:                                      0,
		`cache_entries{}`:                                                             0,
	})
	m.Observe("virtual", lookup.ProtocolSocketmap, lookup.ResultFound, time.Millisecond)
	m.Observe("virtual", lookup.ProtocolTCPTable, lookup.ResultTemp, time.Second)
	m.Observe("name sent by a peer", lookup.ProtocolSocketmap, lookup.ResultPerm, time.Second)
	m.Observe("virtual", "no such protocol", lookup.ResultFound, time.Second)
	wantSeries(t, reg, map[string]float64{
		`lookup_requests_total{map="virtual",protocol="socketmap",result="found"}`: 1,
		`lookup_requests_total{map="virtual",protocol="tcptable",result="temp"}`:   1,
		`lookup_requests_total{map="unknown",protocol="socketmap",result="perm"}`:  1,
		`lookup_duration_seconds{map="virtual"}`:                                   3,
		`lookup_duration_seconds{map="unknown"}`:                                   1,
	})
	for name := range series(t, reg) {
		if strings.Contains(name, "peer") || strings.Contains(name, "no such protocol") {
			t.Errorf("a stranger's word became a label: %s", name)
		}
	}
}

func TestMetricsOfNobody(t *testing.T) {
	var m *lookup.Metrics
	m.Observe("virtual", lookup.ProtocolSocketmap, lookup.ResultFound, time.Second) // must not panic
	lookup.NewMetrics(nil).Map("virtual")
}

func TestObserveAllocatesNothing(t *testing.T) {
	m := lookup.NewMetrics(nil)
	m.Map("virtual")
	n := testing.AllocsPerRun(100, func() {
		m.Observe("virtual", lookup.ProtocolSocketmap, lookup.ResultFound, time.Millisecond)
	})
	if n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	m := lookup.NewMetrics(nil)
	m.Map("virtual")
	b.ReportAllocs()
	for b.Loop() {
		m.Observe("virtual", lookup.ProtocolSocketmap, lookup.ResultFound, time.Microsecond)
	}
}
