package table

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postern/internal/lookup"
)

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewPedanticRegistry()
		m := NewMetrics(registry)
		db := filled(1000)
		o := Options{Metrics: m, StateDir: t.TempDir()}
		b := start(t, db, nil, o)
		db.set("alias", "new", "value")
		time.Sleep(10 * time.Second)
		fresh := lookup.WithFresh(t.Context())
		b.tables["alias"].Values(fresh, "new")
		b.tables["alias"].Values(fresh, "nobody")
		if err := b.Flush(t.Context(), "alias", "a1"); err != nil {
			t.Error(err)
		}
		db.truncate("domain")
		time.Sleep(time.Minute)
		db.fail(errDown)
		b.tables["alias"].Values(fresh, "nobody2")
		b.Flush(t.Context(), "alias", "")
		want := `
table_age_seconds{table="domain"} 70
table_changes_total{table="alias"} 1
table_database_asks_total{result="error",table="alias"} 1
table_database_asks_total{result="found",table="alias"} 1
table_database_asks_total{result="notfound",table="alias"} 1
table_generation{table="alias"} 2
table_generation{table="domain"} 1
table_reload_held{table="alias"} 0
table_reload_held{table="domain"} 1
table_reloads_total{result="error",table="alias"} 1
table_reloads_total{result="held",table="domain"} 1
table_reloads_total{result="ok",table="alias"} 2
table_reloads_total{result="ok",table="domain"} 1
table_rows{table="alias"} 1001
table_rows{table="domain"} 1
`
		for line := range strings.Lines(want) {
			name, rest, found := strings.Cut(strings.TrimSpace(line), "{")
			if !found {
				continue
			}
			labels, number, _ := strings.Cut(rest, "} ")
			if got := fmt.Sprint(value(t, registry, name, labels)); got != number {
				t.Errorf("%s{%s} is %s, want %s", name, labels, got, number)
			}
		}
		for _, s := range b.Status() {
			if float64(s.Checksum) != value(t, registry, "table_checksum", label(s)) || uint64(float64(s.Checksum)) != s.Checksum {
				t.Errorf("checksum of %s: %x", s.Table, s.Checksum)
			}
			if value(t, registry, "table_age_seconds", label(s)) != s.Age.Seconds() {
				t.Errorf("age of %s: %v", s.Table, s.Age)
			}
			if value(t, registry, "table_memory_bytes", label(s)) != float64(s.Bytes) {
				t.Errorf("memory of %s: %d", s.Table, s.Bytes)
			}
		}

		// A new configuration: two keepers for a while.
		db.fail(nil)
		second := start(t, db, nil, o)
		if _, err := registry.Gather(); err != nil {
			t.Errorf("with two keepers: %v", err)
		}
		b.stop()
		if got := value(t, registry, "table_rows", `table="alias"`); got != 1001 {
			t.Errorf("%v rows after the old keeper ended", got)
		}
		second.stop()
		if len(m.keepers) != 0 {
			t.Errorf("%d keepers are watched still", len(m.keepers))
		}
	})
}

func label(s Status) string { return fmt.Sprintf("table=%q", s.Table) }

// value is that of the metric with these labels, as Prometheus prints them;
// -1 if there is none.
func value(t *testing.T, g prometheus.Gatherer, name, labels string) float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var pairs []string
			for _, l := range m.GetLabel() {
				pairs = append(pairs, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			if f.GetName() == name && strings.Join(pairs, ",") == labels {
				return m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return -1
}
