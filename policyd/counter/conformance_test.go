package counter

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// clock is what the time is.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// testStore is what every Store keeps to. slack is how many units its
// arithmetic may be wrong by: the random test overlooks so much. open makes an
// empty store whose time is now.
func testStore(t *testing.T, slack float64, open func(t *testing.T, now *clock) Store) {
	for name, test := range map[string]func(*testing.T, subject){
		"burst and refill":                testBurst,
		"bytes":                           testBytes,
		"odd windows":                     testOddWindows,
		"several windows":                 testWindows,
		"a changed limit":                 testChangedLimit,
		"a limit of nothing":              testNothing,
		"all or nothing":                  testAllOrNothing,
		"the same counter twice":          testTwice,
		"once per message":                testOncePerMessage,
		"recipients, then topped up":      testTopUp,
		"what was refused is not paid":    testRefusedNotPaid,
		"without a message":               testNoMessage,
		"soft":                            testSoft,
		"never":                           testNever,
		"peek":                            testPeek,
		"costs nothing":                   testFree,
		"keys and rules are apart":        testApart,
		"strange strings":                 testStrangeStrings,
		"debits that make no sense":       testNoSense,
		"clock backwards":                 testClockBack,
		"clock forwards":                  testClockForwards,
		"20 clients":                      testHammer,
		"20 clients, all or nothing":      testHammerTwo,
		"random against a model":          testRandom,
		"random with large numbers":       testRandomLarge,
		"random messages against a model": testRandomMessages,
	} {
		t.Run(name, func(t *testing.T) {
			now := newClock()
			test(t, subject{open(t, now), now, slack})
		})
	}
}

// subject is a store under test.
type subject struct {
	store Store
	clock *clock
	slack float64
}

func (s subject) charge(t *testing.T, debits ...Debit) []Outcome {
	t.Helper()
	return s.ask(t, false, debits...)
}

func (s subject) ask(t *testing.T, peek bool, debits ...Debit) []Outcome {
	t.Helper()
	outcomes := make([]Outcome, len(debits))
	for i := range outcomes { // what was there before must not show
		outcomes[i] = Outcome{Never: true, Full: true, Window: 77, Retry: 1, Refill: 1, Remaining: 77, Cost: 77}
	}
	if err := s.store.Charge(t.Context(), debits, outcomes, peek); err != nil {
		t.Fatal(err)
	}
	return outcomes
}

// one charges one debit.
func (s subject) one(t *testing.T, d Debit) Outcome {
	t.Helper()
	return s.charge(t, d)[0]
}

// fitting is how many of 1 fit now.
func (s subject) fitting(t *testing.T, d Debit) (n int64) {
	t.Helper()
	d.Total = 1
	for s.one(t, d).Fits {
		if n++; n > 100_000 {
			t.Fatal("there is no limit")
		}
	}
	return n
}

// room is what a store says remains.
func (s subject) room(t *testing.T, d Debit) int64 {
	t.Helper()
	d.Total, d.Message, d.Unit = 0, "", ""
	return s.ask(t, true, d)[0].Remaining
}

func per(n int64, d time.Duration) []Window { return []Window{{n, d}} }

// near allows what a store may round.
func near(got, want time.Duration) bool {
	return got >= want && got <= want+2*time.Millisecond
}

func check(t *testing.T, what string, got, want Outcome) {
	t.Helper()
	retry, refill := near(got.Retry, want.Retry), near(got.Refill, want.Refill)
	g := got
	g.Retry, g.Refill = want.Retry, want.Refill
	if g != want || !retry || !refill {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func testHammer(t *testing.T, s subject) {
	d := Debit{Rule: "r", Key: "k", Windows: []Window{{100, 24 * time.Hour}, {1000, 48 * time.Hour}}, Total: 1}
	if got := hammer(t, s, 20, 20, func(client, i int) []Debit { return []Debit{d} }); got != 100 {
		t.Errorf("%d fit, the limit is 100", got)
	}
}

func testHammerTwo(t *testing.T, s subject) {
	total := Debit{Rule: "all", Key: "k", Windows: per(70, 24*time.Hour), Total: 1}
	got := hammer(t, s, 20, 20, func(client, i int) []Debit {
		own := Debit{Rule: "own", Key: fmt.Sprint("k", client%4), Windows: per(20, 24*time.Hour), Unit: "u", Message: fmt.Sprint(client, " ", i)}
		return []Debit{own, total}
	})
	if got != 70 {
		t.Errorf("%d fit, the limit is 70", got)
	}
	sum := int64(0)
	for key := range 4 {
		sum += 20 - s.room(t, Debit{Rule: "own", Key: fmt.Sprint("k", key), Windows: per(20, 24*time.Hour)})
	}
	if sum != 70 {
		t.Errorf("%d were charged to the keys", sum)
	}
}

// hammer has clients charge at once and returns how many calls fit.
func hammer(t *testing.T, s subject, clients, calls int, debits func(client, i int) []Debit) (fit int) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	for client := range clients {
		wg.Go(func() {
			for i := range calls {
				ask := debits(client, i)
				outcomes := make([]Outcome, len(ask))
				if err := s.store.Charge(t.Context(), ask, outcomes, false); err != nil {
					t.Error(err)
					return
				}
				all := true
				for _, o := range outcomes {
					all = all && o.Fits
				}
				if all {
					mu.Lock()
					fit++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return fit
}
