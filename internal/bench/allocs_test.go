package main

import (
	"bufio"
	"context"
	"io"
	"testing"
	"time"

	"postern/internal/lookup"
	"postern/socketmap"
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

func benchmarkHandler(b *testing.B, h handler, q question) {
	r, w := bufio.NewReader(&repeat{text: q.ask}), bufio.NewWriter(io.Discard)
	b.ReportAllocs()
	for b.Loop() {
		if err := h.ServeRequest(b.Context(), r, w); err != nil {
			b.Fatal(err)
		}
	}
}
