package table

import (
	"fmt"
	"hash/maphash"
	"testing"
	"time"
)

func BenchmarkCoreLoad(b *testing.B) {
	keys := make([]string, 2e6)
	vals := make([]string, 2e6)
	for i := range keys {
		keys[i] = fmt.Sprintf("user%07d@domain%05d.test", i, i%20000)
		vals[i] = fmt.Sprintf("dest%07d@example.org", i)
	}
	seed := maphash.MakeSeed()
	load := func(base *snapshot) *snapshot {
		l := newLoader(seed, base, 1<<30)
		for i := range keys {
			if err := l.add(keys[i], vals[i]); err != nil {
				b.Fatal(err)
			}
		}
		r, err := l.finish(1, time.Time{})
		if err != nil {
			b.Fatal(err)
		}
		return r.content
	}
	b.Run("first", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s := load(&snapshot{})
			b.ReportMetric(float64(s.size())/1e6, "MB")
		}
	})
	s := load(&snapshot{})
	b.Run("again", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			load(s)
		}
	})
	b.Run("hit", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			k := keys[i%1000]
			i++
			s.first(k)
		}
	})
	b.Run("hitrandom", func(b *testing.B) {
		i := 0
		for b.Loop() {
			k := keys[(i*7919)%len(keys)]
			i++
			s.first(k)
		}
	})
	b.Run("miss", func(b *testing.B) {
		i := 0
		for b.Loop() {
			k := vals[i%1000]
			i++
			s.first(k)
		}
	})
}
