package lookup_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postern/internal/lookup"
	"postern/internal/lookup/lookuptest"
)

var errDown = errors.New("dial tcp 127.0.0.1:3306: connection refused")

// options are those of the contract, with few entries.
func options() lookup.CacheOptions {
	return lookup.CacheOptions{Entries: 400, TTL: time.Minute, NegativeTTL: time.Second, Stale: time.Hour}
}

func fixture() *lookuptest.Table {
	return &lookuptest.Table{M: map[string]string{"a": "1", "b": "2"}}
}

// ask describes an answer in a word or two.
func ask(ctx context.Context, m lookup.Map, key string) string {
	value, found, err := m.Lookup(ctx, key)
	switch {
	case lookup.IsUnsure(err):
		return "unsure"
	case err != nil:
		return "error"
	case found:
		return "found " + value
	case value != "":
		return "not found: " + value
	}
	return "not found"
}

func wantAnswer(t *testing.T, m lookup.Map, key, want string) {
	t.Helper()
	if got := ask(t.Context(), m, key); got != want {
		t.Errorf("%s: %s, want %s", key, got, want)
	}
}

func wantCalls(t *testing.T, origin *lookuptest.Table, key string, want int) {
	t.Helper()
	if got := origin.Calls(key); got != want {
		t.Errorf("the origin was asked for %s %d times, want %d", key, got, want)
	}
}

// inBubble runs a test in virtual time, over a cached fixture.
func inBubble(t *testing.T, test func(t *testing.T, c *lookup.Cache, m lookup.Map, origin *lookuptest.Table)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c, origin := lookup.NewCache(options()), fixture()
		test(t, c, c.Map("map", "map", origin), origin)
	})
}

func TestCacheConforms(t *testing.T) {
	load := func(t *testing.T, pairs map[string]string) lookuptest.Subject {
		origin := &lookuptest.Table{M: pairs}
		return lookuptest.Subject{
			Map:   lookup.NewCache(options()).Map("map", "map", origin),
			Break: func() { origin.Fail(errDown) },
		}
	}
	lookuptest.Run(t, load, lookuptest.Options{})
}

func TestCacheLife(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *lookup.Cache, m lookup.Map, origin *lookuptest.Table) {
		wantAnswer(t, m, "a", "found 1")
		wantAnswer(t, m, "x", "not found")
		origin.Set("a", "new")
		origin.Set("x", "new")

		time.Sleep(time.Second - 1)
		wantAnswer(t, m, "a", "found 1")
		wantAnswer(t, m, "x", "not found")
		wantCalls(t, origin, "x", 1)

		time.Sleep(time.Nanosecond) // the end of the negative life
		wantAnswer(t, m, "x", "found new")
		wantAnswer(t, m, "a", "found 1")

		time.Sleep(59*time.Second - 1)
		wantAnswer(t, m, "a", "found 1")
		wantCalls(t, origin, "a", 1)
		time.Sleep(time.Nanosecond) // the end of the positive life
		wantAnswer(t, m, "a", "found new")
		wantCalls(t, origin, "a", 2)

		origin.Set("a", "")
		time.Sleep(time.Minute)
		wantAnswer(t, m, "a", "not found") // one replaces the other
		origin.Set("a", "again")
		time.Sleep(time.Second)
		wantAnswer(t, m, "a", "found again")
	})
}

// A life begins when the origin is asked: an answer that took its time may be
// as old as that.
func TestCacheLifeOfASlowAnswer(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *lookup.Cache, m lookup.Map, origin *lookuptest.Table) {
		origin.Wait(func(context.Context, string) error { time.Sleep(900 * time.Millisecond); return nil })
		wantAnswer(t, m, "x", "not found")
		wantAnswer(t, m, "x", "not found")
		wantCalls(t, origin, "x", 1)
		time.Sleep(100 * time.Millisecond)
		wantAnswer(t, m, "x", "not found")
		wantCalls(t, origin, "x", 2)
	})
}

func TestCacheReasons(t *testing.T) {
	inBubble(t, func(t *testing.T, c *lookup.Cache, _ lookup.Map, _ *lookuptest.Table) {
		m := c.Map("reasons", "reasons", lookup.Func(func(context.Context, string) (string, bool, error) {
			return "Need not rewrite local domain.", false, nil
		}))
		for range 2 {
			wantAnswer(t, m, "x", "not found: Need not rewrite local domain.")
		}
	})
}

func TestCacheStale(t *testing.T) {
	for name, trouble := range map[string]error{
		"temporary": errDown,
		"permanent": lookup.Permanent(errors.New("table alias does not exist")),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, _ *lookup.Cache, m lookup.Map, origin *lookuptest.Table) {
				wantAnswer(t, m, "a", "found 1")
				wantAnswer(t, m, "x", "not found")
				origin.Fail(trouble)

				time.Sleep(time.Second)
				wantAnswer(t, m, "never asked", "error")
				wantAnswer(t, m, "x", "unsure")

				time.Sleep(59 * time.Second)
				wantAnswer(t, m, "a", "found 1")

				time.Sleep(time.Hour - 59*time.Second - 1)
				wantAnswer(t, m, "x", "unsure")
				time.Sleep(time.Nanosecond) // what was known of x is an hour old
				wantAnswer(t, m, "x", "error")

				time.Sleep(59*time.Second - 1)
				wantAnswer(t, m, "a", "found 1")
				time.Sleep(time.Nanosecond)
				wantAnswer(t, m, "a", "error")

				origin.Fail(nil)
				time.Sleep(time.Second)
				wantAnswer(t, m, "a", "found 1")
				wantAnswer(t, m, "x", "not found")
			})
		})
	}
}

// The age of what is served stale counts from when the origin was asked.
func TestCacheStaleAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		o := options()
		o.Metrics = lookup.NewMetrics(reg)
		origin := fixture()
		m := lookup.NewCache(o).Map("map", "map", origin)
		wantAnswer(t, m, "a", "found 1")
		origin.Fail(errDown)
		time.Sleep(61 * time.Second)
		wantAnswer(t, m, "a", "found 1")
		wantAnswer(t, m, "never asked", "error")
		time.Sleep(39 * time.Minute)
		wantAnswer(t, m, "a", "found 1")
		wantSeries(t, reg, map[string]float64{`cache_stale_answer_age_seconds{}`: 2, `cache_requests_total{map="map",result="stale"}`: 2})
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "cache_stale_answer_age_seconds" {
				if sum := f.GetMetric()[0].GetHistogram().GetSampleSum(); sum != 61+61+39*60 {
					t.Errorf("the ages are %v s in all", sum)
				}
			}
		}
	})
}

// A "not found" that has just expired must not slip out while the origin is
// away, whenever it is asked, and however many ask.
func TestCacheNeverNotFoundByError(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *lookup.Cache, m lookup.Map, origin *lookuptest.Table) {
		wantAnswer(t, m, "x", "not found")
		origin.Fail(errDown)
		origin.Wait(func(context.Context, string) error { time.Sleep(7 * time.Millisecond); return nil })
		start := time.Now()
		for time.Since(start) < 5*time.Second {
			for range 3 {
				go func() {
					asked := time.Since(start)
					if got := ask(t.Context(), m, "x"); got != "unsure" && asked >= time.Second {
						t.Errorf("asked after %v: %s, want unsure", asked, got)
					}
				}()
			}
			time.Sleep(3 * time.Millisecond)
		}
		synctest.Wait()
		time.Sleep(time.Second)
	})
}

func TestCacheBackOff(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *lookup.Cache, m lookup.Map, origin *lookuptest.Table) {
		origin.Fail(errDown)
		for range 10 {
			wantAnswer(t, m, "a", "error")
		}
		wantCalls(t, origin, "a", 1)
		if _, _, err := m.Lookup(t.Context(), "a"); !errors.Is(err, errDown) {
			t.Errorf("error is %v, want the origin's", err)
		}

		origin.Fail(nil)
		wantAnswer(t, m, "b", "found 2") // another key is asked at once
		time.Sleep(time.Second - 1)
		wantAnswer(t, m, "a", "error")
		wantAnswer(t, lookupFresh(m), "a", "error") // a fresh look spares the origin too
		time.Sleep(time.Nanosecond)
		wantAnswer(t, m, "a", "found 1")
		wantCalls(t, origin, "a", 2)
	})
}

func lookupFresh(m lookup.Map) lookup.Map {
	return lookup.Func(func(ctx context.Context, key string) (string, bool, error) {
		return m.Lookup(lookup.WithFresh(ctx), key)
	})
}

func TestCacheFresh(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *lookup.Cache, m lookup.Map, origin *lookuptest.Table) {
		fresh := lookupFresh(m)
		wantAnswer(t, m, "x", "not found")
		origin.Set("x", "created")
		wantAnswer(t, m, "x", "not found")
		wantAnswer(t, fresh, "x", "found created")
		wantAnswer(t, m, "x", "found created") // the result is held
		wantCalls(t, origin, "x", 2)

		time.Sleep(time.Minute)
		origin.Fail(errDown)
		wantAnswer(t, fresh, "x", "error") // it asks for now, not for then
		wantAnswer(t, m, "x", "found created")
	})
}

// An unsure origin wants to be asked again, with a fresh context.
func TestCacheRemembersNoUnsureness(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *lookup.Cache, m lookup.Map, origin *lookuptest.Table) {
		origin.Fail(lookup.Unsure(errDown))
		wantAnswer(t, m, "a", "unsure")
		origin.Fail(nil)
		wantAnswer(t, lookupFresh(m), "a", "found 1")
	})
}

func TestCacheFlush(t *testing.T) {
	inBubble(t, func(t *testing.T, c *lookup.Cache, m lookup.Map, origin *lookuptest.Table) {
		other := c.Map("other", "other", fixture())
		for _, key := range []string{"a", "b", "x"} {
			ask(t.Context(), m, key)
			ask(t.Context(), other, key)
		}
		origin.Set("a", "new")
		origin.Set("b", "new")
		if n, err := c.Flush("map", "a"); n != 1 || err != nil {
			t.Errorf("flushed %d, %v, want 1", n, err)
		}
		if n, err := c.Flush("map", "nobody asked"); n != 0 || err != nil {
			t.Errorf("flushed %d, %v, want 0", n, err)
		}
		if _, err := c.Flush("no such map", "a"); err == nil {
			t.Error("flushing a map that is not there: want an error")
		}
		wantAnswer(t, m, "a", "found new")
		wantAnswer(t, m, "b", "found 2")

		if n, err := c.FlushMap("map"); n != 3 || err != nil {
			t.Errorf("flushed %d, %v, want 3", n, err)
		}
		if _, err := c.FlushMap("no such map"); err == nil {
			t.Error("flushing a map that is not there: want an error")
		}
		origin.Fail(errDown) // what was flushed still helps
		wantAnswer(t, m, "b", "found 2")
		wantAnswer(t, m, "x", "unsure")
		origin.Fail(nil)
		if _, err := c.FlushMap("map"); err != nil { // forgets the errors too
			t.Error(err)
		}
		wantAnswer(t, m, "b", "found new")
		wantAnswer(t, m, "x", "not found")
		wantAnswer(t, other, "b", "found 2")
	})
}

func TestCacheIdentity(t *testing.T) {
	inBubble(t, func(t *testing.T, c *lookup.Cache, _ lookup.Map, _ *lookuptest.Table) {
		before, same, changed := fixture(), fixture(), fixture()
		changed.Set("a", "by another query")
		wantAnswer(t, c.Map("aliases", "query 1", before), "a", "found 1")
		wantAnswer(t, c.Map("aliases", "query 1", same), "a", "found 1")
		wantCalls(t, same, "a", 0)
		wantAnswer(t, c.Map("aliases", "query 2", changed), "a", "found by another query")
		if n, err := c.FlushMap("aliases"); n != 2 || err != nil {
			t.Errorf("flushed %d, %v, want those of both definitions", n, err)
		}
	})
}

// The errors of connections that a reload has closed are not those of the new.
func TestCacheErrorsEndWithTheMap(t *testing.T) {
	inBubble(t, func(t *testing.T, c *lookup.Cache, m lookup.Map, origin *lookuptest.Table) {
		origin.Fail(errDown)
		wantAnswer(t, m, "a", "error")
		wantAnswer(t, c.Map("map", "map", fixture()), "a", "found 1")
	})
}

func TestCacheBounds(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	o := options()
	o.Metrics = lookup.NewMetrics(reg)
	c := lookup.NewCache(o)
	origin := &lookuptest.Table{M: map[string]string{}}
	m := c.Map("map", "map", origin)
	for i := range 1000 {
		origin.Set(fmt.Sprint("found", i), "1")
	}
	for i := range 1000 {
		ask(t.Context(), m, fmt.Sprint("found", i))
		ask(t.Context(), m, fmt.Sprint("missing", i))
	}
	wantSeries(t, reg, map[string]float64{`cache_entries{}`: 400})

	for i := range 5000 { // a dictionary attack
		ask(t.Context(), m, fmt.Sprint("guess", i))
	}
	wantSeries(t, reg, map[string]float64{`cache_entries{}`: 400})
	for i := 700; i < 1000; i++ { // the last 300 found are still held
		wantAnswer(t, m, fmt.Sprint("found", i), "found 1")
		wantCalls(t, origin, fmt.Sprint("found", i), 1)
	}

	o.Entries = 40
	c.Configure(o)
	wantSeries(t, reg, map[string]float64{`cache_entries{}`: 40})
	wantAnswer(t, m, "found999", "found 1")
	wantCalls(t, origin, "found999", 1)
	wantAnswer(t, m, "found700", "found 1")
	wantCalls(t, origin, "found700", 2)
}

func TestCacheBoundsBytes(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	o := options()
	o.Metrics = lookup.NewMetrics(reg)
	origin := &lookuptest.Table{M: map[string]string{"a": "1", "long": strings.Repeat("v", 65<<10)}}
	m := lookup.NewCache(o).Map("map", "map", origin)
	for range 2 {
		ask(t.Context(), m, "long")
	}
	wantCalls(t, origin, "long", 2) // too long to hold
	wantSeries(t, reg, map[string]float64{`cache_entries{}`: 0})

	wantAnswer(t, m, "a", "found 1")
	for i := range 100 { // 100 × 50 KiB; 400 entries may take 1 MiB of misses
		ask(t.Context(), m, fmt.Sprint(i, strings.Repeat("k", 50<<10)))
	}
	wantSeries(t, reg, map[string]float64{`cache_entries{}`: 1 + 20})
	wantAnswer(t, m, "a", "found 1")
	wantCalls(t, origin, "a", 1)
}

func TestCacheOutgrownAnswerIsNotServed(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *lookup.Cache, m lookup.Map, origin *lookuptest.Table) {
		wantAnswer(t, m, "a", "found 1")
		long := strings.Repeat("v", 65<<10)
		origin.Set("a", long)
		time.Sleep(time.Minute)
		wantAnswer(t, m, "a", "found "+long)
		wantAnswer(t, m, "x", "not found")
		origin.Set("x", long)
		time.Sleep(time.Second)
		wantAnswer(t, m, "x", "found "+long)
		origin.Fail(errDown)
		wantAnswer(t, m, "a", "error") // "1" is known to be wrong
		wantAnswer(t, m, "x", "error") // and so is its absence
	})
}

func TestCacheMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewPedanticRegistry()
		o, origin := options(), fixture()
		o.Metrics = lookup.NewMetrics(reg)
		m := lookup.NewCache(o).Map("aliases", "identity", origin)
		counts := func(hit, negative, miss, expired, stale, failed float64) map[string]float64 {
			return map[string]float64{
				`cache_requests_total{map="aliases",result="hit"}`:          hit,
				`cache_requests_total{map="aliases",result="negative_hit"}`: negative,
				`cache_requests_total{map="aliases",result="miss"}`:         miss,
				`cache_requests_total{map="aliases",result="expired"}`:      expired,
				`cache_requests_total{map="aliases",result="stale"}`:        stale,
				`cache_requests_total{map="aliases",result="error"}`:        failed,
			}
		}
		wantSeries(t, reg, counts(0, 0, 0, 0, 0, 0))
		for _, key := range []string{"a", "a", "x", "x"} {
			ask(t.Context(), m, key)
		}
		wantSeries(t, reg, counts(1, 1, 2, 0, 0, 0))
		time.Sleep(time.Minute)
		ask(t.Context(), m, "a")
		wantSeries(t, reg, counts(1, 1, 2, 1, 0, 0))
		time.Sleep(time.Minute)
		origin.Fail(errDown)
		ask(t.Context(), m, "a")
		ask(t.Context(), m, "x")
		wantSeries(t, reg, counts(1, 1, 2, 1, 1, 1))
		wantSeries(t, reg, map[string]float64{`cache_entries{}`: 2})
	})
}

// Real threads: nobody asks again who looked before the answer came and asks
// after it.
func TestManyAskAtOnce(t *testing.T) {
	for range 200 {
		origin := fixture()
		m := lookup.NewCache(options()).Map("map", "map", origin)
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() { wantAnswer(t, m, "a", "found 1") })
		}
		all.Wait()
		wantCalls(t, origin, "a", 1)
	}
}

func TestCachedHitAllocatesNothing(t *testing.T) {
	o := options()
	o.NegativeTTL = time.Hour
	m := lookup.NewCache(o).Map("map", "map", fixture())
	for _, key := range []string{"a", "x"} {
		ask(t.Context(), m, key)
		n := testing.AllocsPerRun(1000, func() { _, _, _ = m.Lookup(t.Context(), key) })
		if n != 0 {
			t.Errorf("%s: %v allocations, want none", key, n)
		}
	}
}

func BenchmarkCachedHit(b *testing.B) {
	o := options()
	o.Entries = 200_000
	origin := &lookuptest.Table{M: map[string]string{}}
	keys := make([]string, 100_000)
	m := lookup.NewCache(o).Map("map", "map", origin)
	for i := range keys {
		keys[i] = fmt.Sprintf("user%d@example.com", i)
		origin.Set(keys[i], "someone@example.net")
		ask(b.Context(), m, keys[i])
	}
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			_, _, _ = m.Lookup(context.Background(), keys[i%len(keys)])
		}
	})
}
