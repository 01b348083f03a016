package main

import (
	"bufio"
	"context"
	"io"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postern/internal/lookup"
	"postern/socketmap"
	"postern/srsd"
	"postern/srsd/srs"
	"postern/tcptable"
)

// BenchmarkLookup is what measureAllocs counts, for a profile of it.
func BenchmarkLookup(b *testing.B) {
	for _, s := range []stack{cachedStack(), loadedStack(context.Background())} {
		b.Run("socketmap/"+s.what, func(b *testing.B) {
			h := &socketmap.Handler{Maps: func() lookup.Set { return s.set }, Timeout: 5 * time.Second,
				Observer: socketmap.ObserverOf(s.metrics)}
			benchmarkHandler(b, h, socketmapQuestion(s.name, alias(1), ""))
		})
		b.Run("tcptable/"+s.what, func(b *testing.B) {
			h := &tcptable.Handler{Name: s.name, Map: s.set[s.name], Timeout: 5 * time.Second,
				Observer: tcptable.ObserverOf(s.metrics)}
			benchmarkHandler(b, h, tcpQuestion(alias(1), ""))
		})
	}
}

// BenchmarkSRS is a rewrite from the bytes of a request to those of its reply.
func BenchmarkSRS(b *testing.B) {
	rewriter, err := srs.New(srs.Options{Domain: srsDomain, Strict: true})
	if err != nil {
		b.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	engine := &srsd.Engine{
		Rewriter: rewriter, Ring: srsd.NewRing([]srsd.Secret{{Text: []byte(srsSecret)}}), Domain: srsDomain,
		Now: time.Now, OwnDomain: true, Metrics: srsd.NewMetrics(reg),
	}
	metrics := lookup.NewMetrics(reg)
	pairs, err := srsPairs(1, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	classic, modern := srsd.Classic{Engine: engine}, srsd.Modern{Engine: engine}.Set()
	for name, m := range modern {
		key := map[string]string{"forward": pairs[0].sender, "reverse": pairs[0].rewritten}[name]
		metrics.Map(name)
		b.Run("socketmap/"+name, func(b *testing.B) {
			h := &socketmap.Handler{Maps: func() lookup.Set { return modern }, Timeout: 5 * time.Second,
				Observer: socketmap.ObserverOf(metrics)}
			benchmarkHandler(b, h, socketmapQuestion(name, key, ""))
		})
		b.Run("tcptable/"+name, func(b *testing.B) {
			if m = classic.Forward(); name == "reverse" {
				m = classic.Reverse()
			}
			h := &tcptable.Handler{Name: name, Map: m, Timeout: 5 * time.Second, Observer: tcptable.ObserverOf(metrics),
				Limits: tcptable.Limits{Request: 1023}, Dialect: tcptable.Dialect{CStrings: true, RawValues: true}}
			benchmarkHandler(b, h, tcpQuestion(key, ""))
		})
	}
}

func benchmarkHandler(b *testing.B, h handler, q question) {
	r, w := bufio.NewReader(&repeat{text: q.ask}), bufio.NewWriter(io.Discard)
	b.ReportAllocs()
	for b.Loop() {
		if err := h.ServeRequest(b.Context(), r, w); err != nil {
			b.Fatal(err)
		}
	}
}
