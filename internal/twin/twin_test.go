package twin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"postern/internal/lookup"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixed answers with the value of a key.
type fixed map[string]string

func (f fixed) Lookup(ctx context.Context, key string) (string, bool, error) {
	value, found := f[key]
	if trace := lookup.Trace(ctx); trace != nil {
		trace(lookup.Step{Map: "fixed", Key: key, Value: value, Found: found})
	}
	return value, found, nil
}

var errDown = errors.New("connection refused")

// every draws each question.
func every() uint64 { return 0 }

// counted is the metric in one line: "same 1 different 2", without zeros.
func counted(t *testing.T, m *Metrics, name string) string {
	t.Helper()
	var parts []string
	for _, result := range []string{"same", "different", "explained", "moved", "error", "dropped"} {
		if n := testutil.ToFloat64(m.questions.WithLabelValues(name, result)); n > 0 {
			parts = append(parts, fmt.Sprint(result, " ", n))
		}
	}
	return strings.Join(parts, " ")
}

// play asks keys of a map with a twin, in a bubble with a clock of its own.
func play(t *testing.T, o Options, name string, live, old lookup.Map, ask func(m lookup.Map)) (*Twin, string) {
	t.Helper()
	var tw *Twin
	var got string
	synctest.Test(t, func(t *testing.T) {
		o.Metrics = NewMetrics(prometheus.NewRegistry())
		if o.Draw == nil {
			o.Share, o.Draw = 1, every
		}
		tw = New(o)
		m := tw.Map(name, live, old)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { tw.Run(ctx); close(done) }()
		ask(m)
		time.Sleep(time.Minute)
		synctest.Wait()
		cancel()
		<-done
		got = counted(t, o.Metrics, name)
	})
	return tw, got
}

// each asks keys one after the other and wants the live answers.
func each(t *testing.T, keys ...string) func(lookup.Map) {
	return func(m lookup.Map) {
		for _, key := range keys {
			if _, _, err := m.Lookup(t.Context(), key); err != nil {
				t.Error(err)
			}
			synctest.Wait()
		}
	}
}

func TestCompare(t *testing.T) {
	live := fixed{"a": "1", "b": "x, y", "c": "1", "d": "1"}
	old := fixed{"a": "1", "b": "y,x", "c": "2", "e": "1"}
	var log bytes.Buffer
	tw, got := play(t, Options{Log: slog.New(slog.NewTextHandler(&log, nil))}, "office", live, old, each(t, "a", "b", "c", "d", "e", "f", "c"))
	if strings.Count(log.String(), "answers differently") != 1 || !strings.Contains(log.String(), "key=c postern=1 old=2") {
		t.Errorf("three in one instant make one line: %s", &log)
	}
	if want := "same 3 different 4"; got != want {
		t.Errorf("counted %s, want %s", got, want)
	}
	var lines []string
	for _, d := range tw.options.Kept.Differences() {
		lines = append(lines, fmt.Sprint(d, d.Times, len(d.Live.Tried), len(d.Old.Tried)))
	}
	want := `office "d": postern "1", old "not found":  1 1 1|office "e": postern "not found", old "1":  1 1 1|office "c": postern "1", old "2":  2 1 1`
	if strings.Join(lines, "|") != want {
		t.Errorf("kept %s", strings.Join(lines, "|"))
	}
}

// TestMoved: a change that one side sees later is no difference.
func TestMoved(t *testing.T) {
	var asked atomic.Int64
	late := lookup.Func(func(context.Context, string) (string, bool, error) { return "1", asked.Add(1) > 1, nil })
	if _, got := play(t, Options{}, "x", fixed{"a": "1"}, late, each(t, "a")); got != "moved 1" {
		t.Errorf("counted %s", got)
	}
}

// TestDeadDatabase: after some errors the old path is left alone, and asked
// again now and then; live answers are what they are.
func TestDeadDatabase(t *testing.T) {
	var asked int
	down := true
	old := lookup.Func(func(context.Context, string) (string, bool, error) {
		asked++
		if down {
			return "", false, errDown
		}
		return "1", true, nil
	})
	_, got := play(t, Options{Workers: 1}, "x", fixed{"a": "1"}, old, func(m lookup.Map) {
		for range 600 { // ten minutes
			each(t, "a")(m)
			time.Sleep(time.Second)
		}
		down = false
		time.Sleep(2 * time.Minute)
		each(t, "a", "a")(m)
	})
	if asked > 20 || got != fmt.Sprintf("same 2 error %d dropped %d", asked-2, 600-(asked-2)) {
		t.Errorf("asked %d times, counted %s", asked, got)
	}
}

// TestSlowDatabase: what does not fit into the queue is dropped; nobody waits.
func TestSlowDatabase(t *testing.T) {
	slow := lookup.Func(func(ctx context.Context, _ string) (string, bool, error) {
		<-ctx.Done()
		return "", false, ctx.Err()
	})
	_, got := play(t, Options{Workers: 2, Queue: 8}, "x", fixed{"a": "1"}, slow, func(m lookup.Map) {
		start := time.Now()
		for range 1000 {
			_, _, _ = m.Lookup(t.Context(), "a")
		}
		if time.Since(start) != 0 {
			t.Error("somebody waited")
		}
	})
	if got != "error 4 dropped 996" {
		t.Errorf("counted %s", got)
	}
}

func TestTrouble(t *testing.T) {
	broken := func(err error) lookup.Map {
		return lookup.Func(func(context.Context, string) (string, bool, error) { return "", false, err })
	}
	bad := lookup.Func(func(context.Context, string) (string, bool, error) { panic("bad row") })
	tests := []struct {
		name      string
		live, old lookup.Map
		want      string
	}{
		{"live", broken(errDown), fixed{"a": "1"}, "error 1"},
		{"old panics", fixed{"a": "1"}, bad, "error 1"},
		{"a loop", broken(lookup.Permanent(errDown)), fixed{"a": "1"}, "explained 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, got := play(t, Options{}, "virtual", tt.live, tt.old, func(m lookup.Map) { _, _, _ = m.Lookup(t.Context(), "a") })
			if got != tt.want {
				t.Errorf("counted %s, want %s", got, tt.want)
			}
		})
	}
}

// TestShare draws from a source that counts up.
func TestShare(t *testing.T) {
	for share, want := range map[float64]int{0: 0, 0.01: 10, 0.5: 500, 1: 1000} {
		t.Run(fmt.Sprint(share), func(t *testing.T) {
			n := uint64(0)
			draw := func() uint64 { n++; return (n%1000)*(math.MaxUint64/1000) + math.MaxUint64/2000 }
			tw := New(Options{Share: share, Draw: draw, Queue: 2000, Metrics: NewMetrics(nil)})
			m := tw.Map("x", fixed{}, fixed{})
			for range 1000 {
				_, _, _ = m.Lookup(t.Context(), "a")
			}
			if got := len(tw.queue); got != want {
				t.Errorf("drew %d of 1000, want %d", got, want)
			}
		})
	}
}

// TestTraced: a question of query --explain is not live.
func TestTraced(t *testing.T) {
	tw := New(Options{Share: 1, Draw: every})
	_, _, _ = tw.Map("x", fixed{}, fixed{}).Lookup(lookup.WithTrace(t.Context(), func(lookup.Step) {}), "a")
	if len(tw.queue) != 0 {
		t.Error("it was drawn")
	}
}

// TestNoAllocation: whoever is not drawn pays nothing.
func TestNoAllocation(t *testing.T) {
	tw := New(Options{Share: 0.01, Draw: func() uint64 { return math.MaxUint64 }})
	m, ctx := tw.Map("x", fixed{"a": "1"}, nil), t.Context()
	if n := testing.AllocsPerRun(1000, func() { _, _, _ = m.Lookup(ctx, "a") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestKept: each kind has room of its own, and texts are bounded.
func TestKept(t *testing.T) {
	k := NewKept(3)
	for i := range 10 {
		k.add(Difference{Map: "x", Key: fmt.Sprint(i), Because: "it is so"})
	}
	k.add(difference(time.Time{}, "x", "a\x1b[2J"+strings.Repeat("k", 1000), Answer{}, Answer{Value: strings.Repeat("v", 1000), Found: true}))
	all := k.Differences()
	if len(all) != 4 || all[1].Key != "7" {
		t.Fatalf("%v", all)
	}
	if d := all[0]; len(d.Key) > 210 || len(d.Old.Text) > 210 || strings.ContainsRune(d.Key, 0x1b) {
		t.Errorf("%q", d)
	}
}

func TestExplain(t *testing.T) {
	on := []lookup.Step{{Map: "domain", Key: "x.test", Value: "1", Found: true}}
	off := []lookup.Step{{Map: "domain", Key: "x.test", Value: "0", Found: true}}
	reserved := append([]lookup.Step{{Note: "reserved handle: answered by an alias row or the operator only"}}, on...)
	miss := func(steps []lookup.Step) Answer { return Answer{Steps: steps} }
	hit := func(value string) Answer { return Answer{Value: value, Found: true} }
	tests := []struct {
		name, table, key string
		live, old        Answer
		want             string
	}{
		{"a missing row", "virtual", "a@x.test", miss(on), hit("b@y.test"), ""},
		{"another value", "virtual", "a@x.test", hit("b@y.test"), hit("c@y.test"), ""},
		{"one too many", "virtual", "a@x.test", hit("b@y.test"), miss(nil), ""},
		{"inactive domain", "virtual", "a@x.test", miss(off), hit("b@y.test"), "active row in table domain"},
		{"foreign domain", "allowlist-handles", "a@y.test", miss(nil), hit("OK"), "active row in table domain"},
		{"bare name", "virtual-handles", "com", miss(nil), hit("b@y.test"), "whole addresses"},
		{"reserved", "virtual", "admin@x.test", miss(reserved), hit("b@y.test"), "reserved_handles"},
		{"operator", "virtual", "Postmaster@x.test", hit("ops@z.test"), miss(nil), "lead to the operator"},
		{"no operator", "virtual", "info@x.test", hit("ops@z.test"), miss(nil), ""},
		{"leads nowhere", "virtual", "a@x.test", miss(on), hit(" , "), "leads nowhere"},
		{"circle", "virtual", "a@x.test", Answer{Value: "leads in a circle: a > b", Steps: on}, hit("b@x.test"), "leads in a circle: a > b"},
		{"accent", "virtual", "josé@x.test", miss(on), hit("b@y.test"), "accents count"},
		{"padding", "virtual", `"jose "@x.test`, miss(on), hit("b@y.test"), "blanks at the end"},
		{"shared sender", "sender-login-maps", "a@x.test", hit("a,b"), hit("b"), "all its logins"},
		{"other login", "sender-login-maps", "a@x.test", hit("a,b"), hit("c"), ""},
		{"forged subdomain", "block-local-senders", "a@sub.x.test", hit("REJECT"), miss(nil), "subdomains"},
		{"forged domain", "block-local-senders", "a@x.test", hit("REJECT"), miss(nil), ""},
		{"a domain", "virtual-domains", "é.test", miss(nil), hit("1"), ""},
		{"map of one's own", "office", "a@x.test", miss(nil), hit("b"), ""},
		{"map of one's own, accent", "office", "é@x.test", miss(nil), hit("b"), "accents count"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Explain(tt.table, tt.key, "ops@z.test", tt.live, tt.old)
			if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func BenchmarkUnsampled(b *testing.B) {
	tw := New(Options{Share: 0.01, Draw: func() uint64 { return math.MaxUint64 }})
	m, ctx := tw.Map("x", fixed{"a": "1"}, nil), b.Context()
	b.ReportAllocs()
	for b.Loop() {
		_, _, _ = m.Lookup(ctx, "a")
	}
}
