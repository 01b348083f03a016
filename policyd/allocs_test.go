//go:build !race

package policyd

// The race detector makes a sync.Pool drop at random, so this is not for it.

import (
	"bufio"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"postern/internal/status"
)

// TestAllocations: the text of a request is one, the decision another.
func TestAllocations(t *testing.T) {
	policy := &Policy{Metrics: NewMetrics(prometheus.NewRegistry())}
	h := &Handler{Policy: func() *Policy { return policy }, Metrics: policy.Metrics, Recent: status.NewRecent(stars, nil)}
	r, w := bufio.NewReader(&endless{text: recipientRequest}), bufio.NewWriter(io.Discard)
	if got := testing.AllocsPerRun(1000, func() { _ = h.ServeRequest(t.Context(), r, w) }); got > 2 {
		t.Errorf("%.0f allocations for a request and its DUNNO, want at most 2", got)
	}
	for _, address := range []string{"192.0.2.1", "2001:db8:17:4::25", "::ffff:192.0.2.1", "unknown", ""} {
		request := strings.Replace(recipientRequest, "2001:db8:17:4::25", address, 1)
		r := bufio.NewReader(&endless{text: request})
		q := newRequest()
		if got := testing.AllocsPerRun(1000, func() { _ = q.read(r, Limits{}) }); got > 1 {
			t.Errorf("%.0f allocations to read client_address=%s, want 1", got, address)
		}
	}
}

// TestAllocationsOfARefusal: with its line in the log, and kept for who looks. As
// long as nobody does, no address is hidden, which would take longer than all else.
func TestAllocationsOfARefusal(t *testing.T) {
	policy := &Policy{Metrics: NewMetrics(prometheus.NewRegistry()), Default: []Link{{Name: "no", Check: refuses{}}}}
	hidden := 0
	hide := func(_, text string) string { hidden++; return text }
	h := &Handler{
		Policy: func() *Policy { return policy }, Metrics: policy.Metrics,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Recent: status.NewRecent(hide, nil),
	}
	r, w := bufio.NewReader(&endless{text: recipientRequest}), bufio.NewWriter(io.Discard)
	if got := testing.AllocsPerRun(1000, func() { _ = h.ServeRequest(t.Context(), r, w) }); got > 8 {
		t.Errorf("%.0f allocations for a refusal that is logged and remembered, want at most 8", got)
	}
	if kept := len(h.Recent.List()); kept == 0 || hidden != 4*kept {
		t.Errorf("%d texts of %d decisions were hidden, want those of List alone", hidden, kept)
	}
}
