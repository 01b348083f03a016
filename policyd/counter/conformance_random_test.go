package counter

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"
)

// model is the simplest store there can be: exact fractions, no bounds.
type model struct {
	levels map[string]modelLevel // by rule, key and per
	paid   map[string]int64      // by rule, key, message and unit
	now    time.Time
}

type modelLevel struct {
	units *big.Rat
	at    time.Time
}

func newModel() *model { return &model{levels: map[string]modelLevel{}, paid: map[string]int64{}} }

func (m *model) clone() *model {
	c := newModel()
	c.now = m.now
	for k, v := range m.levels {
		c.levels[k] = v
	}
	for k, v := range m.paid {
		c.paid[k] = v
	}
	return c
}

func (d *Debit) counterName(w Window) string { return fmt.Sprintf("%q %q %v", d.Rule, d.Key, w.Per) }
func (d *Debit) payName(unit string) string {
	return fmt.Sprintf("%q %q %q %q", d.Rule, d.Key, d.Message, unit)
}

func (m *model) level(d *Debit, w Window) *big.Rat {
	l, known := m.levels[d.counterName(w)]
	if !known {
		return new(big.Rat)
	}
	units := l.units
	if n := big.NewRat(w.N, 1); units.Cmp(n) > 0 {
		units = n
	}
	drained := new(big.Rat).SetFrac(
		new(big.Int).Mul(big.NewInt(w.N), big.NewInt(int64(m.now.Sub(l.at)))), big.NewInt(int64(w.Per)))
	units = new(big.Rat).Sub(units, drained)
	if units.Sign() < 0 {
		return new(big.Rat)
	}
	return units
}

func (m *model) cost(d *Debit) int64 {
	if d.Message == "" {
		if d.Unit != "" {
			return 1
		}
		return max(d.Total, 0)
	}
	if d.Unit != "" {
		return 1 - m.paid[d.payName("unit "+d.Unit)]
	}
	return max(d.Total-m.paid[d.payName("")], 0)
}

// wait is the time until the level is down at target, rounded up.
func wait(level *big.Rat, w Window, target int64) time.Duration {
	above := new(big.Rat).Sub(level, big.NewRat(target, 1))
	if above.Sign() <= 0 {
		return 0
	}
	above.Mul(above, big.NewRat(int64(w.Per), w.N))
	return time.Duration(ceil(above))
}

func floor(r *big.Rat) int64 { return new(big.Int).Div(r.Num(), r.Denom()).Int64() }
func ceil(r *big.Rat) int64  { return -floor(new(big.Rat).Neg(r)) }

func room(level *big.Rat, w Window) *big.Rat {
	return new(big.Rat).Sub(big.NewRat(w.N, 1), level)
}

// judge is one debit. Where slack allows two answers, it takes the store's.
func (m *model) judge(d *Debit, got Outcome, slack float64) Outcome {
	cost := m.cost(d)
	want := Outcome{Fits: true, Cost: cost}
	near := false
	for i, w := range d.Windows {
		level := m.level(d, w)
		above := new(big.Rat).Sub(big.NewRat(cost, 1), room(level, w))
		if f, _ := above.Float64(); f > -slack && f < slack {
			near = true
		}
		if cost == 0 || above.Sign() <= 0 {
			continue
		}
		never, retry := cost > w.N, time.Duration(0)
		if !never {
			retry = wait(level, w, w.N-cost)
		}
		if want.Fits || never && !want.Never || !want.Never && retry > want.Retry {
			want = Outcome{Cost: cost, Never: never, Window: i, Retry: retry}
		}
	}
	if near && got.Fits != want.Fits {
		want.Fits, want.Retry, want.Never = got.Fits, got.Retry, got.Never
		want.Window = got.Window
	}
	if want.Fits {
		m.charge(d, cost)
		want.Window = m.tightest(d)
	}
	return want
}

func (m *model) charge(d *Debit, cost int64) {
	if cost > 0 {
		for _, w := range d.Windows {
			m.levels[d.counterName(w)] = modelLevel{new(big.Rat).Add(m.level(d, w), big.NewRat(cost, 1)), m.now}
		}
	}
	if d.Message != "" {
		m.paid[d.payName("")] += cost
		if d.Unit != "" {
			m.paid[d.payName("unit "+d.Unit)] = 1
		}
	}
}

func (m *model) tightest(d *Debit) (window int) {
	for i, w := range d.Windows {
		if floor(room(m.level(d, w), w)) < floor(room(m.level(d, d.Windows[window]), d.Windows[window])) {
			window = i
		}
	}
	return window
}

// call is a whole call; it returns a description of what the store got wrong.
func (m *model) call(debits []Debit, got []Outcome, peek bool, slack float64) (after *model, wrong string) {
	after = m.clone()
	refused := false
	for i := range debits {
		d := &debits[i]
		want := after.judge(d, got[i], slack)
		refused = refused || !want.Fits && !d.Soft
		if text := after.compare(d, got[i], want, slack); text != "" && wrong == "" {
			wrong = fmt.Sprintf("debit %d %+v:\n got %+v\nwant %+v: %s", i, *d, got[i], want, text)
		}
	}
	if refused || peek {
		after = m
	}
	return after, wrong
}

// compare is run when the debit was charged, if it fits.
func (m *model) compare(d *Debit, got, want Outcome, slack float64) string {
	if got.Fits != want.Fits || got.Cost != want.Cost || got.Never != want.Never || got.Full {
		return "another decision"
	}
	if len(d.Windows) == 0 {
		return ""
	}
	if got.Window != want.Window && (slack == 0 || got.Window >= len(d.Windows) || got.Window < 0) {
		return "another window"
	}
	w := d.Windows[got.Window]
	level := m.level(d, w)
	left, _ := room(level, w).Float64()
	if remaining := floor(room(level, w)); got.Remaining != remaining && (slack == 0 || float64(got.Remaining) > left+slack || float64(got.Remaining)+1 < left-slack) {
		return fmt.Sprintf("%d remain", remaining)
	}
	refill := time.Duration(0)
	if w.N > 0 {
		refill = wait(level, w, 0)
	}
	if !alike(got.Refill, refill, w, slack) {
		return fmt.Sprintf("full in %v", refill)
	}
	if !alike(got.Retry, want.Retry, w, slack) {
		return "another time to try again"
	}
	return ""
}

func alike(a, b time.Duration, w Window, slack float64) bool {
	if slack == 0 || w.N == 0 {
		return a == b
	}
	most := 2*time.Millisecond + time.Duration(2*slack*float64(w.Per)/float64(w.N))
	return a-b <= most && b-a <= most
}

// universe is where random debits come from.
type universe struct {
	limits   []int64
	pers     []time.Duration
	steps    []time.Duration
	messages bool
	rounds   int
}

func (u universe) run(t *testing.T, s subject) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	m := newModel()
	if raceDetector {
		u.rounds /= 10 // it takes ten times as long, and this is arithmetic
	}
	for round := range u.rounds {
		m.now = s.clock.Now()
		var debits []Debit
		for range 1 + random.IntN(3) {
			debits = append(debits, u.debit(random, round))
		}
		peek := random.IntN(5) == 0
		got := s.ask(t, peek, debits...)
		after, wrong := m.call(debits, got, peek, s.slack)
		if wrong != "" {
			t.Fatalf("round %d, peek %v: %s", round, peek, wrong)
		}
		m = after
		if random.IntN(2) == 0 {
			step := u.steps[random.IntN(len(u.steps))]
			s.clock.add(time.Duration(random.Int64N(int64(step/time.Millisecond))+1) * time.Millisecond)
		}
	}
}

func (u universe) debit(random *rand.Rand, round int) Debit {
	d := Debit{
		Rule: fmt.Sprint("r", random.IntN(3)),
		Key:  fmt.Sprint("k", random.IntN(3)),
		Soft: random.IntN(4) == 0,
	}
	order := random.Perm(len(u.pers))
	largest := int64(0)
	for _, p := range order[:random.IntN(len(order)+1)] {
		w := Window{u.limits[random.IntN(len(u.limits))], u.pers[p]}
		largest = max(largest, w.N)
		d.Windows = append(d.Windows, w)
	}
	d.Total = random.Int64N(largest/2 + 2)
	if random.IntN(10) == 0 {
		d.Total = random.Int64N(2*largest + 2)
	}
	if u.messages {
		// A message is asked about within its next hundred rounds, which
		// are much less than the hour that it is remembered for.
		d.Message = fmt.Sprint("m", round/100, " ", random.IntN(4))
		if random.IntN(2) == 0 {
			d.Unit = fmt.Sprint("u", random.IntN(6))
		}
	}
	return d
}

func testRandom(t *testing.T, s subject) {
	universe{
		limits: []int64{0, 1, 2, 3, 7, 10, 60, 500},
		pers:   []time.Duration{997 * time.Millisecond, 7 * time.Second, time.Minute, time.Hour, 24 * time.Hour},
		steps:  []time.Duration{100 * time.Millisecond, 3 * time.Second, time.Minute, time.Hour},
		rounds: 1500,
	}.run(t, s)
}

func testRandomLarge(t *testing.T, s subject) {
	universe{
		limits: []int64{1, 999_983, 10_000_000_000, 10_000_000_019},
		pers:   []time.Duration{time.Minute, time.Hour, 24 * time.Hour, 31 * 24 * time.Hour},
		steps:  []time.Duration{10 * time.Millisecond, time.Second, time.Hour, 24 * time.Hour},
		rounds: 1500,
	}.run(t, s)
}

func testRandomMessages(t *testing.T, s subject) {
	universe{
		limits:   []int64{5, 20, 60},
		pers:     []time.Duration{time.Minute, time.Hour},
		steps:    []time.Duration{100 * time.Millisecond, 20 * time.Second},
		messages: true,
		rounds:   1500,
	}.run(t, s)
}
