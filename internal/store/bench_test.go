package store

import (
	"fmt"
	"testing"
)

// benchmarkRows loads the aliases of a store and asks for some by key.
func benchmarkRows(b *testing.B, s *Store, n int) {
	rows, err := s.Rows("alias")
	if err != nil {
		b.Fatal(err)
	}
	b.Run("Load", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			count := 0
			err := rows.Load(b.Context(), func(_, _ []byte) error { count++; return nil })
			if err != nil || count != n {
				b.Fatal(count, err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/row")
	})
	b.Run("Get", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if got, err := rows.Get(b.Context(), fmt.Sprintf("user%d@example.com", i%n+1)); err != nil || len(got) != 1 {
				b.Fatal(got, err)
			}
		}
	})
	b.Run("GetParallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				if got, err := rows.Get(b.Context(), fmt.Sprintf("user%d@example.com", i%n+1)); err != nil || len(got) != 1 {
					b.Fatal(got, err)
				}
			}
		})
	})
}

func BenchmarkSQLite(b *testing.B) {
	const n = 20_000
	s := newSQLite(b)
	mustExec(b, s, fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		INSERT INTO alias (address, goto) SELECT 'user' || i || '@example.com', 'mailbox' || i || '@example.net' FROM n`, n))
	benchmarkRows(b, s, n)
}
