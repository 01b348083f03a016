package counter

import (
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"
	"unsafe"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// TestFlood: ten million keys leave memory bounded, and who is over the limit
// where they were.
func TestFlood(t *testing.T) {
	const maximum, over = 20_000, 1000
	keys := 10_000_000
	if raceDetector {
		keys = 200_000 // it takes ten times as long
	}
	s, m, metrics := bounded(maximum)
	blocked := func(i int) Debit {
		return Debit{Rule: "r", Key: fmt.Sprint("over", i), Windows: per(2, 1000*time.Hour), Total: 2}
	}
	for i := range over {
		s.one(t, blocked(i))
	}
	debits, outcomes := make([]Debit, 10), make([]Outcome, 10)
	names := make([]byte, 0, 16_000)
	var before, after runtime.MemStats
	for round := range keys / len(debits) {
		names = names[:0]
		for i := range debits {
			start := len(names)
			names = strconv.AppendInt(names, int64(round*len(debits)+i), 10)
			debits[i] = Debit{Rule: "r", Key: unsafe.String(&names[start], len(names)-start), Windows: per2, Total: 1}
		}
		if err := m.Charge(t.Context(), debits, outcomes, false); err != nil || outcomes[9].Full || !outcomes[9].Fits {
			t.Fatalf("%+v, %v", outcomes[9], err)
		}
		if round == maximum/len(debits) {
			runtime.GC()
			runtime.ReadMemStats(&before)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if m.Len() != maximum || testutil.ToFloat64(metrics.fullTotal) != 0 {
		t.Errorf("%d counters", m.Len())
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > maximum*50 {
		t.Errorf("memory grew by %d bytes", grown)
	}
	for i := range over {
		if o := s.ask(t, true, blocked(i))[0]; o.Fits {
			t.Fatalf("counter %d was forgotten: %+v", i, o)
		}
	}
}

var per2 = per(2, 1000*time.Hour)

// TestSize: a counter takes about 200 bytes at most, its key included.
func TestSize(t *testing.T) {
	const n = 200_000
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	m := NewMemory(MemoryOptions{})
	debits, outcomes := []Debit{{Rule: "login", Windows: per(100, time.Hour), Total: 1}}, make([]Outcome, 1)
	for i := range n {
		debits[0].Key = fmt.Sprintf("user-%07d@example.org", i)
		charge(t, m, debits, outcomes)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	size := float64(after.HeapAlloc-before.HeapAlloc) / n
	t.Logf("%.0f bytes a counter", size)
	if size > 210 {
		t.Errorf("a counter takes %.0f bytes", size)
	}
	runtime.KeepAlive(m)
}

func TestNoAllocations(t *testing.T) {
	most := 0.0
	if raceDetector {
		most = 10 // it has a sync.Pool lose things: a call and its lists
	}
	m := NewMemory(MemoryOptions{Metrics: NewMetrics(prometheus.NewRegistry())})
	for name, message := range map[string]string{"no message": "", "paid": "m"} {
		debits, outcomes := twoDebits("user@example.org", message), make([]Outcome, 2)
		debits = append(debits, Debit{Rule: "full", Key: "k", Windows: per(1, time.Hour), Total: 1, Soft: true, Message: message})
		debits = append(debits, Debit{Rule: "rcpt", Key: "k", Windows: per(1, time.Hour), Unit: "a@example.org", Soft: true, Message: message})
		outcomes = append(outcomes, outcomes...)
		charge(t, m, debits, outcomes)
		if got := testing.AllocsPerRun(100, func() { charge(t, m, debits, outcomes) }); got > most {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
}
