package envelope

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/alicebob/miniredis/v2"
)

// eachBackend runs a benchmark on every kind of store; miniredis is a server in this
// process, so that of Redis shows the client's share.
func eachBackend(b *testing.B, o Options, run func(b *testing.B, s *Store)) {
	for _, exact := range []bool{false, true} {
		o := o
		o.Exact = exact
		b.Run(fmt.Sprintf("sqlite/exact=%v", exact), func(b *testing.B) {
			run(b, open(b, "sqlite:"+filepath.Join(b.TempDir(), "senders.db"), o))
		})
	}
	b.Run("redis", func(b *testing.B) { run(b, open(b, "redis:"+miniredis.RunT(b).Addr(), o)) })
}

func BenchmarkAlias(b *testing.B) {
	for b.Loop() {
		Alias("a.rather.long.local.part+with.an.extension@mailing-list.example.com")
	}
}

// BenchmarkPutNew stores a sender never seen before: one transaction on disk.
func BenchmarkPutNew(b *testing.B) {
	eachBackend(b, Options{MaxEntries: 1 << 30}, func(b *testing.B, s *Store) {
		for i := 0; b.Loop(); i++ {
			address := fmt.Sprintf("a.rather.long.local.part+%d@mailing-list.example.com", i)
			if err := s.Put(b.Context(), Alias(address), address); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkPutAgain stores a sender who wrote a moment ago.
func BenchmarkPutAgain(b *testing.B) {
	eachBackend(b, Options{}, func(b *testing.B, s *Store) {
		const address = "a.rather.long.local.part@mailing-list.example.com"
		alias := Alias(address)
		for b.Loop() {
			if err := s.Put(b.Context(), alias, address); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkGet(b *testing.B) {
	eachBackend(b, Options{}, func(b *testing.B, s *Store) {
		const address = "a.rather.long.local.part@mailing-list.example.com"
		alias := Alias(address)
		if err := s.Put(b.Context(), alias, address); err != nil {
			b.Fatal(err)
		}
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				if _, found, err := s.Get(b.Context(), alias); !found || err != nil {
					b.Error(found, err)
				}
			}
		})
	})
}
