package lookup_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/lookup"
	"postern/internal/lookup/lookuptest"
)

// asking asks in a goroutine of its own; the answer comes on the channel.
func asking(ctx context.Context, m lookup.Map, key string) <-chan string {
	answer := make(chan string, 1)
	go func() { answer <- ask(ctx, m, key) }()
	return answer
}

func slowly(d time.Duration) func(context.Context, string) error {
	return func(ctx context.Context, _ string) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func TestOneFlightPerKey(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *lookup.Cache, m lookup.Map, origin *lookuptest.Table) {
		origin.Wait(slowly(time.Second))
		var answers []<-chan string
		for range 100 {
			answers = append(answers, asking(t.Context(), m, "a"))
		}
		for _, answer := range answers {
			if got := <-answer; got != "found 1" {
				t.Errorf("got %s", got)
			}
		}
		wantCalls(t, origin, "a", 1)
	})
}

func TestFlightErrorIsForAll(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *lookup.Cache, m lookup.Map, origin *lookuptest.Table) {
		origin.Wait(func(context.Context, string) error { time.Sleep(time.Second); return errDown })
		var answers []<-chan string
		for range 10 {
			answers = append(answers, asking(t.Context(), m, "a"))
		}
		for _, answer := range answers {
			if got := <-answer; got != "error" {
				t.Errorf("got %s", got)
			}
		}
		wantCalls(t, origin, "a", 1)
	})
}

func TestFlightOutlivesTheFirstAsker(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *lookup.Cache, m lookup.Map, origin *lookuptest.Table) {
		origin.Wait(slowly(time.Second))
		impatient, cancel := context.WithCancel(t.Context())
		first := asking(impatient, m, "a")
		synctest.Wait()
		second := asking(t.Context(), m, "a")
		synctest.Wait()

		start := time.Now()
		cancel()
		if got := <-first; got != "error" || time.Since(start) != 0 {
			t.Errorf("the first got %s after %v, want an error at once", got, time.Since(start))
		}
		if got := <-second; got != "found 1" {
			t.Errorf("the second got %s", got)
		}
		wantCalls(t, origin, "a", 1)
		wantAnswer(t, m, "a", "found 1")
	})
}

// One who has a deadline leaves when it passes, with an error that says so.
func TestAskerDeadline(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *lookup.Cache, m lookup.Map, origin *lookuptest.Table) {
		origin.Wait(slowly(10 * time.Second))
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		_, _, err := m.Lookup(ctx, "a")
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Errorf("got %v after %v, want the deadline after 3s", err, time.Since(start))
		}
		time.Sleep(8 * time.Second)
		wantAnswer(t, m, "a", "found 1") // the flight went on
		wantCalls(t, origin, "a", 1)
	})
}

func TestFlightLimit(t *testing.T) {
	deaf := func(context.Context, string) error { time.Sleep(time.Minute); return nil }
	for name, wait := range map[string]func(context.Context, string) error{
		"a map that heeds its context": slowly(time.Minute),
		"a map that does not":          deaf,
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, _ *lookup.Cache, m lookup.Map, origin *lookuptest.Table) {
				origin.Wait(wait)
				start := time.Now()
				_, _, err := m.Lookup(t.Context(), "a")
				if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer within 20s") {
					t.Errorf("error is %v, want the limit", err)
				}
				if took := time.Since(start); took != 20*time.Second {
					t.Errorf("took %v, want 20s", took)
				}
				time.Sleep(2 * time.Second)
				origin.Wait(nil)
				wantAnswer(t, m, "a", "found 1") // the key is not wedged
				time.Sleep(time.Minute)
			})
		})
	}
}

func TestFlightOfAPanic(t *testing.T) {
	for name, end := range map[string]func(){
		"panic":  func() { panic("index out of range") },
		"Goexit": runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				o, origin := options(), fixture()
				o.Log = slog.New(slog.NewTextHandler(&log, nil))
				m := lookup.NewCache(o).Map("map", "map", origin)
				wantAnswer(t, m, "x", "not found")
				time.Sleep(time.Second)
				origin.Wait(func(context.Context, string) error { end(); return nil })
				wantAnswer(t, m, "a", "error")
				wantAnswer(t, m, "x", "unsure")
				if name == "panic" && !strings.Contains(log.String(), "index out of range") {
					t.Errorf("logged %q, want the panic", log.String())
				}
				origin.Wait(nil)
				time.Sleep(time.Second)
				wantAnswer(t, m, "a", "found 1")
				wantAnswer(t, m, "x", "not found")
			})
		})
	}
}

// A hanging database: those who have an expired value wait two seconds once,
// not each for itself nor for each key, and see the recovery.
func TestHangingOrigin(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *lookup.Cache, m lookup.Map, origin *lookuptest.Table) {
		wantAnswer(t, m, "a", "found 1")
		wantAnswer(t, m, "b", "found 2")
		time.Sleep(time.Minute)
		origin.Wait(slowly(10 * time.Second))
		start := time.Now()
		wantAnswer(t, m, "a", "found 1")
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("the first waited %v, want 2s", took)
		}
		origin.Set("a", "new")
		start = time.Now()
		wantAnswer(t, m, "a", "found 1")
		if took := time.Since(start); took != 0 {
			t.Errorf("the next waited %v, want nothing", took)
		}
		start = time.Now()
		wantAnswer(t, m, "b", "found 2")
		if took := time.Since(start); took != 0 {
			t.Errorf("another key waited %v, want nothing", took)
		}
		time.Sleep(11 * time.Second)
		wantAnswer(t, m, "a", "found new")
		wantCalls(t, origin, "a", 2)

		time.Sleep(2 * time.Minute)
		start = time.Now()
		wantAnswer(t, m, "a", "found new")
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("after an answer the first waited %v, want 2s", took)
		}
		time.Sleep(10 * time.Second)
	})
}

// What a question read may be of before the flush: nobody who comes after it
// gets that answer, and it is not held.
func TestFlushOvertakesAFlight(t *testing.T) {
	inBubble(t, func(t *testing.T, c *lookup.Cache, _ lookup.Map, _ *lookuptest.Table) {
		var value atomic.Value
		value.Store("old")
		m := c.Map("slow", "slow", lookup.Func(func(context.Context, string) (string, bool, error) {
			read := value.Load().(string)
			time.Sleep(time.Second)
			return read, true, nil
		}))
		before := asking(t.Context(), m, "k")
		synctest.Wait()
		value.Store("new")
		if _, err := c.Flush("slow", "k"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond)
		after := asking(t.Context(), m, "k")
		if got := <-before; got != "found old" {
			t.Errorf("asked before the flush: %s", got)
		}
		value.Store("newest") // the answer of before has landed, and must be neither held nor in the way
		if got := ask(t.Context(), m, "k"); got != "found new" {
			t.Errorf("asked after the first answer: %s", got)
		}
		if got := <-after; got != "found new" {
			t.Errorf("asked after the flush: %s", got)
		}
		wantAnswer(t, m, "k", "found new")
	})
}

// The same for a fresh look: a row made before it must be seen by it.
func TestFreshDoesNotJoin(t *testing.T) {
	inBubble(t, func(t *testing.T, c *lookup.Cache, _ lookup.Map, _ *lookuptest.Table) {
		var value atomic.Value
		value.Store("")
		m := c.Map("slow", "slow", lookup.Func(func(context.Context, string) (string, bool, error) {
			read := value.Load().(string)
			time.Sleep(time.Second)
			return read, read != "", nil
		}))
		before := asking(t.Context(), m, "k")
		time.Sleep(500 * time.Millisecond)
		value.Store("created")
		fresh := asking(lookup.WithFresh(t.Context()), m, "k")
		if got := <-before; got != "not found" {
			t.Errorf("asked before: %s", got)
		}
		if got := <-fresh; got != "found created" {
			t.Errorf("asked afresh: %s", got)
		}
		wantAnswer(t, m, "k", "found created")
	})
}

func TestCacheTrace(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *lookup.Cache, m lookup.Map, origin *lookuptest.Table) {
		var steps []lookup.Step
		ctx := lookup.WithTrace(t.Context(), func(s lookup.Step) { steps = append(steps, s) })
		last := func(ctx context.Context, key string) lookup.Step {
			t.Helper()
			steps = nil
			ask(ctx, m, key)
			if len(steps) == 0 {
				t.Fatalf("%s: no step", key)
			}
			return steps[len(steps)-1]
		}
		check := func(what string, got, want lookup.Step) {
			t.Helper()
			if (got.Err == nil) != (want.Err == nil) {
				t.Errorf("%s: error %v, want %v", what, got.Err, want.Err)
			}
			got.Err, want.Err = nil, nil
			if got != want {
				t.Errorf("%s: step\n%+v, want\n%+v", what, got, want)
			}
		}
		check("miss", last(ctx, "a"), lookup.Step{Map: "table", Key: "a", Source: "memory", Value: "1", Found: true})
		ask(ctx, m, "x")
		time.Sleep(500 * time.Millisecond)
		check("hit", last(ctx, "a"), lookup.Step{Map: "map", Key: "a", Source: "cache", Value: "1", Found: true, Age: 500 * time.Millisecond})
		check("negative hit", last(ctx, "x"), lookup.Step{Map: "map", Key: "x", Source: "cache", Age: 500 * time.Millisecond})

		time.Sleep(time.Minute)
		origin.Fail(errDown)
		age := time.Minute + 500*time.Millisecond
		check("stale", last(ctx, "a"), lookup.Step{Map: "map", Key: "a", Source: "stale cache", Value: "1", Found: true, Age: age, Err: errDown})
		check("unsure", last(ctx, "x"), lookup.Step{Map: "map", Key: "x", Source: "stale cache", Age: age, Err: errDown})
		ask(ctx, m, "b")
		check("backing off", last(ctx, "b"), lookup.Step{Map: "map", Key: "b", Source: "database", Err: errDown,
			Note: "not asked again within a second of this error"})

		origin.Fail(nil)
		time.Sleep(time.Second)
		origin.Wait(slowly(time.Second))
		untraced := asking(t.Context(), m, "b")
		synctest.Wait()
		check("joined", last(ctx, "b"), lookup.Step{Map: "map", Key: "b", Source: "database", Value: "2", Found: true, Duration: time.Second})
		<-untraced
	})
}
