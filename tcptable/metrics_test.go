package tcptable_test

import (
	"bufio"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postern/internal/dialog"
	"postern/internal/lookup"
	"postern/tcptable"
)

// TestMetrics: requests are counted under the protocol, and counting costs no
// allocation beyond those of the handler.
func TestMetrics(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	m := lookup.NewMetrics(reg)
	m.Map("aliases")
	h := &tcptable.Handler{Map: constant, Name: "aliases", Timeout: time.Minute, Observer: tcptable.ObserverOf(m)}
	r, w := endless("get user@example.com\n"), bufio.NewWriter(io.Discard)
	got := testing.AllocsPerRun(99, func() { _ = h.ServeRequest(t.Context(), r, w) })
	if got > 2 && !raceEnabled {
		t.Errorf("%.0f allocations per request", got)
	}
	if n := counted(t, reg, "aliases", "tcptable", "found"); n != 100 {
		t.Errorf("counted %v of 100 requests", n)
	}
	_, _ = dialog.Run(h, strings.NewReader("malformed\n"))
	if n := counted(t, reg, "aliases", "tcptable", "malformed"); n != 1 {
		t.Errorf("counted %v malformed requests", n)
	}
}

// counted reads lookup_requests_total{map,protocol,result}.
func counted(t *testing.T, reg prometheus.Gatherer, labels ...string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			var values []string
			for _, l := range metric.GetLabel() {
				values = append(values, l.GetValue())
			}
			if family.GetName() == "lookup_requests_total" && strings.Join(values, " ") == strings.Join(labels, " ") {
				return metric.GetCounter().GetValue()
			}
		}
	}
	return -1
}
