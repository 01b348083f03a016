package table

import (
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what becomes of the tables of any number of keepers, and
// reads their state when it is collected. A nil *Metrics counts nothing.
type Metrics struct {
	reloads, changes, asks, saves *prometheus.CounterVec

	rows, generation, age, checksum, memory, held *prometheus.Desc

	mu      sync.Mutex
	keepers []*Keeper
}

// NewMetrics registers the metrics of tables.
func NewMetrics(r prometheus.Registerer) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, append([]string{"table"}, labels...))
	}
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, []string{"table"}, nil)
	}
	m := &Metrics{
		reloads: counter("table_reloads_total", "Loads of a whole table: ok, error, held by the shrink guard, too_large for max_memory.", "result"),
		changes: counter("table_changes_total", "Keys read again because the change feed named them, or by flush."),
		asks:    counter("table_database_asks_total", "Lookups that asked the database: found, notfound, error, over_budget.", "result"),
		saves:   counter("table_disk_saves_total", "Disk copies, or marks that they are current, written: ok, error.", "result"),

		rows:       desc("table_rows", "Rows held."),
		generation: desc("table_generation", "Changes of the content since the first load on this host."),
		age:        desc("table_age_seconds", "Time since the table was last known to be the database's content."),
		checksum:   desc("table_checksum", "Checksum of the rows, whatever their order: hosts with the same rows have the same."),
		memory:     desc("table_memory_bytes", "Memory taken by the rows and their index."),
		held:       desc("table_reload_held", "1 while the shrink guard holds back a reload."),
	}
	r.MustRegister(m.reloads, m.changes, m.asks, m.saves, m)
	return m
}

// Describe implements [prometheus.Collector].
func (m *Metrics) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.rows, m.generation, m.age, m.checksum, m.memory, m.held} {
		c <- d
	}
}

// Collect implements [prometheus.Collector]. While a new configuration takes
// over, two keepers may have a table of one name: the newer one counts.
func (m *Metrics) Collect(c chan<- prometheus.Metric) {
	m.mu.Lock()
	keepers := slices.Clone(m.keepers)
	m.mu.Unlock()
	seen := map[string]bool{}
	for _, k := range slices.Backward(keepers) {
		for _, s := range k.Status() {
			if seen[s.Table] {
				continue
			}
			seen[s.Table] = true
			gauge := func(d *prometheus.Desc, v float64) {
				c <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, s.Table)
			}
			gauge(m.rows, float64(s.Rows))
			gauge(m.generation, float64(s.Generation))
			gauge(m.checksum, float64(s.Checksum))
			gauge(m.memory, float64(s.Bytes))
			if !s.Current.IsZero() {
				gauge(m.age, s.Age.Seconds())
			}
			held := 0.0
			if s.Held != nil {
				held = 1
			}
			gauge(m.held, held)
		}
	}
}

// watch has the state of the tables of k collected.
func (m *Metrics) watch(k *Keeper) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keepers = append(m.keepers, k)
}

// unwatch undoes watch.
func (m *Metrics) unwatch(k *Keeper) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keepers = slices.DeleteFunc(m.keepers, func(other *Keeper) bool { return other == k })
}

// of returns the counters of one table, which begin at zero.
func (m *Metrics) of(table string) tableMetrics {
	if m != nil {
		m.changes.WithLabelValues(table)
		for vec, results := range map[*prometheus.CounterVec][]string{
			m.reloads: {"ok", "error", "held", "too_large"},
			m.asks:    {"found", "notfound", "error", "over_budget"},
			m.saves:   {"ok", "error"},
		} {
			for _, result := range results {
				vec.WithLabelValues(table, result)
			}
		}
	}
	return tableMetrics{m, table}
}

// tableMetrics are the counters of one table. The zero value counts nothing.
type tableMetrics struct {
	m     *Metrics
	table string
}

func (t tableMetrics) reloaded(result string) {
	if t.m != nil {
		t.m.reloads.WithLabelValues(t.table, result).Inc()
	}
}

func (t tableMetrics) changed(keys int) {
	if t.m != nil {
		t.m.changes.WithLabelValues(t.table).Add(float64(keys))
	}
}

func (t tableMetrics) asked(result string) {
	if t.m != nil {
		t.m.asks.WithLabelValues(t.table, result).Inc()
	}
}

func (t tableMetrics) saved(result string) {
	if t.m != nil {
		t.m.saves.WithLabelValues(t.table, result).Inc()
	}
}
