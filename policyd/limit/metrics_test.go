package limit

import (
	"errors"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// TestChargesAreCounted has each outcome of a charge counted, from zero on.
func TestChargesAreCounted(t *testing.T) {
	l, registry := newLedger(), prometheus.NewRegistry()
	metrics := NewMetrics(registry)
	options := Options{Store: l, Metrics: metrics, Rules: []Rule{
		{Name: "login", Keys: mustKeys(t, "sasl_username"), Count: Recipients, Windows: hourly(20)},
		{Name: "off", Keys: mustKeys(t, "sasl_username"), Windows: hourly(1), Mode: "off"},
	}}
	c, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(instance, count string) {
		_, _ = judge(c, request(t, "DATA", instance, "sasl_username=jo", "recipient_count="+count))
	}
	ask("a", "18") // fits: 2 left
	ask("b", "1")  // near: 1 left
	ask("c", "2")  // over
	ask("d", "21") // never
	l.full["login"] = true
	ask("e", "1")
	l.err = errors.New("away")
	ask("f", "1")
	for result, want := range map[string]float64{"fits": 1, "near": 1, "over": 1, "never": 1, "full": 1, "trouble": 1} {
		if got := testutil.ToFloat64(metrics.charges.WithLabelValues("login", "sasl_username", result)); got != want {
			t.Errorf("%s: %v, want %v", result, got, want)
		}
	}
	if _, err := New(options); err != nil {
		t.Errorf("a reload with the same metrics: %v", err)
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
}
