package envelope

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// series returns the values of a registry, as name{value of each label}.
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
			for _, label := range metric.GetLabel() {
				labels = append(labels, label.GetValue())
			}
			// A metric has either; the other is 0.
			all[family.GetName()+"{"+strings.Join(labels, " ")+"}"] = metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
		}
	}
	return all
}

func wantSeries(t *testing.T, reg prometheus.Gatherer, want map[string]float64) {
	t.Helper()
	got := series(t, reg)
	for name, value := range want {
		if v, known := got[name]; !known || v != value {
			t.Errorf("%s is %v (known: %v), want %v", name, v, known, value)
		}
	}
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	o := Options{Metrics: NewMetrics(reg), MaxEntries: 1}
	wantSeries(t, reg, map[string]float64{
		"srs_store_up{}": 0, "srs_store_entries{}": 0, "srs_store_operations_total{put error}": 0, "srs_store_operations_total{get error}": 0,
	})
	file := subject{Store: open(t, "sqlite:"+filepath.Join(t.TempDir(), "senders.db"), o)}
	written(t, "the first upkeep", func() bool { return series(t, reg)["srs_store_operations_total{sweep done}"] == 1 })
	file.put(t, "a@b.c")
	file.put(t, "a@b.c")
	fails(t, file.Put(t.Context(), Alias("d@e.f"), "d@e.f"), "full")
	file.gives(t, Alias("a@b.c"), "a@b.c")
	file.gives(t, Alias("d@e.f"), "")
	file.gives(t, "no alias", "")
	want := map[string]float64{"srs_store_up{}": 1, "srs_store_entries{}": 1}
	for result, n := range map[string]float64{
		"put stored": 1, "put current": 1, "put full": 1, "put error": 0, "get found": 1, "get not_found": 1, "get error": 0,
	} {
		want[fmt.Sprintf("srs_store_operations_total{%s}", result)] = n
	}
	wantSeries(t, reg, want)
}

// TestMetricsOfSeveralStores: the gauges speak of all that are open.
func TestMetricsOfSeveralStores(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	o := Options{Metrics: NewMetrics(reg)}
	file := subject{Store: open(t, "sqlite:"+filepath.Join(t.TempDir(), "senders.db"), o)}
	written(t, "the first upkeep", func() bool { return series(t, reg)["srs_store_operations_total{sweep done}"] == 1 })
	file.put(t, "a@b.c")
	mini := miniredis.RunT(t)
	mini.Set("any key", "x")
	server := subject{Store: open(t, "redis:"+mini.Addr(), o)}
	written(t, "the keys are counted", func() bool { return series(t, reg)["srs_store_operations_total{sweep done}"] == 2 })
	server.put(t, "a@b.c") // not counted before the next upkeep
	check := func(entries, up float64) {
		t.Helper()
		wantSeries(t, reg, map[string]float64{"srs_store_entries{}": entries, "srs_store_up{}": up})
	}
	check(2, 1)
	mini.SetError("LOADING")
	fails(t, server.Ping(t.Context()), "LOADING")
	file.gives(t, Alias("a@b.c"), "a@b.c")
	check(2, 0)
	mini.SetError("")
	server.gives(t, Alias("a@b.c"), "a@b.c")
	check(2, 1)
	server.Close()
	check(1, 1)
	file.Close()
	check(0, 0)
}

func TestMetricsUnregistered(t *testing.T) {
	s := subject{Store: open(t, "sqlite:"+filepath.Join(t.TempDir(), "senders.db"), Options{Metrics: NewMetrics(nil)})}
	s.put(t, "a@b.c")
}
