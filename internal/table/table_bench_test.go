package table

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const benchRows = 2_000_000

// benchSource is a table of two million rows of about 50 bytes.
type benchSource struct{ keys, values [][]byte }

func newBenchSource() *benchSource {
	s := &benchSource{}
	for i := range benchRows {
		s.keys = append(s.keys, fmt.Appendf(nil, "user%07d@domain%05d.test", i, i%20000))
		s.values = append(s.values, fmt.Appendf(nil, "dest%07d@example.org", i))
	}
	return s
}

func (s *benchSource) raw() (n int) {
	for i := range s.keys {
		n += len(s.keys[i]) + len(s.values[i])
	}
	return n
}

func (s *benchSource) Load(_ context.Context, emit func(k, v []byte) error) error {
	for i := range s.keys {
		if err := emit(s.keys[i], s.values[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *benchSource) Get(context.Context, string) ([]string, error) { return nil, nil }

func benchKeeper(b *testing.B, src Source, dir string) (*Keeper, *Table) {
	tb := New("alias", src, StandardPolicy("alias"))
	return NewKeeper(Options{StateDir: dir, MaxMemory: 1 << 30, Log: slog.New(slog.DiscardHandler)}, nil, tb), tb
}

// cpu is the time that the process has had on all cores.
func cpu(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkTable(b *testing.B) {
	src := newBenchSource()
	dir := b.TempDir()
	b.Run("load", func(b *testing.B) {
		for b.Loop() {
			before := cpu(b)
			k, _ := benchKeeper(b, src, "")
			if err := k.Flush(b.Context(), "alias", ""); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric((cpu(b) - before).Seconds(), "cpu-s")
			held := k.bytes(nil)
			b.ReportMetric(float64(held)/benchRows, "bytes/row")
			b.ReportMetric(float64(held)/float64(src.raw()), "x-raw")
		}
	})
	k, tb := benchKeeper(b, src, dir)
	if err := k.Flush(b.Context(), "alias", ""); err != nil {
		b.Fatal(err)
	}
	if err := k.disk.write("alias", tb.state.Load(), tb.now()); err != nil {
		b.Fatal(err)
	}
	b.Run("reload of the same", func(b *testing.B) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		n := 0
		for b.Loop() {
			n++
			start := cpu(b)
			if err := k.Flush(b.Context(), "alias", ""); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric((cpu(b) - start).Seconds(), "cpu-s")
		}
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(n)/1e6, "MB-allocated/op")
	})
	b.Run("save", func(b *testing.B) {
		for b.Loop() {
			if err := k.disk.write("alias", tb.state.Load(), tb.now()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("restore", func(b *testing.B) {
		for b.Loop() {
			before := cpu(b)
			k, tb := benchKeeper(b, src, dir)
			if k.Restore(); tb.state.Load().rows != benchRows {
				b.Fatal("nothing was restored")
			}
			b.ReportMetric((cpu(b) - before).Seconds(), "cpu-s")
		}
	})
	lookups := func(name string, stride int, keys func(i int) []byte, ask func(key string) bool) {
		b.Run(name, func(b *testing.B) {
			some := make([]string, 1024)
			for i := range some {
				some[i] = string(keys(i * stride))
			}
			b.ReportAllocs()
			i, before := 0, cpu(b)
			for b.Loop() {
				if !ask(some[i&1023]) {
					b.Fatal("wrong answer")
				}
				i++
			}
			b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/float64(i), "cpu-ns/op")
		})
	}
	ctx := context.Background()
	there := func(i int) []byte { return src.keys[i] }
	gone := func(i int) []byte { return src.values[i] }
	value := func(key string) bool { _, ok, err := tb.Value(ctx, key); return ok && err == nil }
	lookups("Value hit", 1, there, value)
	lookups("Value hit all over", benchRows/1024, there, value)
	lookups("Values hit", 1, there, func(key string) bool { v, err := tb.Values(ctx, key); return len(v) == 1 && err == nil })
	tb.policy.MissFinal = true
	lookups("Value miss", 1, gone, func(key string) bool { _, ok, err := tb.Value(ctx, key); return !ok && err == nil })
}
