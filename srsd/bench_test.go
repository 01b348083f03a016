package srsd_test

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postern/internal/lookup"
	"postern/srsd"
	"postern/srsd/srs"
)

// benchEngine has what the daemon gives it, the true clock among it.
func benchEngine(b *testing.B) *srsd.Engine {
	b.Helper()
	rewriter, err := srs.New(srs.Options{Domain: "srs.example.org", Early: 1, Strict: true})
	if err != nil {
		b.Fatal(err)
	}
	return &srsd.Engine{
		Rewriter: rewriter, Ring: srsd.NewRing([]srsd.Secret{{Text: []byte("tops3cr3t")}}), Domain: "srs.example.org",
		Now: time.Now, OwnDomain: true, Metrics: srsd.NewMetrics(prometheus.NewRegistry()),
	}
}

// BenchmarkMaps is a lookup in each of the maps.
func BenchmarkMaps(b *testing.B) {
	const sender = "sender0000001@origin00001.example"
	e := benchEngine(b)
	rewritten, _, err := srsd.Modern{Engine: e}.Forward().Lookup(b.Context(), sender)
	if err != nil {
		b.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	for _, c := range []struct {
		name string
		m    lookup.Map
		key  string
	}{
		{"classic/forward", srsd.Classic{Engine: e}.Forward(), sender},
		{"classic/reverse", srsd.Classic{Engine: e}.Reverse(), rewritten},
		{"modern/forward", srsd.Modern{Engine: e}.Forward(), sender},
		{"modern/reverse", srsd.Modern{Engine: e}.Reverse(), rewritten},
		{"recipients", srsd.Recipients{Engine: e}, rewritten},
		{"logged/forward", srsd.Logged(srsd.Classic{Engine: e}.Forward(), "forward", log), sender},
	} {
		b.Run(c.name, func(b *testing.B) { benchmarkMap(b, c.m, c.key) })
	}
}

func benchmarkMap(b *testing.B, m lookup.Map, key string) {
	b.ReportAllocs()
	ctx := context.Background()
	for b.Loop() {
		if _, found, err := m.Lookup(ctx, key); !found || err != nil {
			b.Fatal(found, err)
		}
	}
}
