package daemon_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// TestScrapeLog has a scraper hang up before it has its metrics, which is
// nobody's fault, and metrics that cannot be gathered.
func TestScrapeLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, text := logTo(t)
		a := newAdmin(t)
		a.Log = log
		families, err := a.Gatherer.Gather()
		if err != nil {
			t.Fatal(err)
		}
		ctx, hangUp := context.WithCancel(t.Context())
		gone := make(chan struct{})
		a.Gatherer = prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
			hangUp()
			<-gone
			return families, nil
		})
		a.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/metrics", nil))
		close(gone)
		synctest.Wait()
		if got := text.String(); strings.Contains(got, slog.LevelError.String()) || !strings.Contains(got, "DEBUG") {
			t.Errorf("a scraper hung up: %s", got)
		}
		a.Gatherer = prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return families, errors.New("one is broken") })
		a.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
		if got := text.String(); strings.Count(got, slog.LevelError.String()) != 1 || !strings.Contains(got, "one is broken") {
			t.Errorf("a metric is broken: %s", got)
		}
	})
}
