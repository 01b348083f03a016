package milter

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// TestMetrics counts a result and shows the others at zero.
func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := NewMetrics(reg)
	m.Observe(Rewritten)
	m.Observe(Rewritten)
	m.Observe(RecipientRefused)
	want := `# HELP srs_milter_results_total What became of messages and recipients that the SRS milter saw.
# TYPE srs_milter_results_total counter
`
	for _, line := range []string{
		`deferred"} 0`, `local"} 0`, `malformed"} 0`, `recipient_deferred"} 0`, `recipient_refused"} 1`,
		`rejected"} 0`, `reversed"} 0`, `rewritten"} 2`, `unchanged"} 0`,
	} {
		want += `srs_milter_results_total{result="` + line + "\n"
	}
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}
