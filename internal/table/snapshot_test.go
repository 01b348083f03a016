package table

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// model is what a table should hold.
type model map[string][]string

func (m model) rows() (n int) {
	for _, v := range m {
		n += len(v)
	}
	return n
}

func (m model) sum() (sum uint64) {
	for k, v := range m {
		sum = (sum + sumOf(k, v)) & sumMask
	}
	return sum
}

// randomKey draws from a small space, with empty, long and binary keys.
func randomKey(r *rand.Rand) string {
	switch n := r.IntN(4000); {
	case n == 0:
		return ""
	case n < 4:
		return strings.Repeat("k", 100+n*40000)
	case n < 20:
		return string([]byte{0, byte(n), 0xff})
	default:
		return fmt.Sprintf("user%d@example.org", n)
	}
}

func randomValues(r *rand.Rand) (values []string) {
	for range 1 + r.IntN(1+r.IntN(5)) {
		switch n := r.IntN(100); {
		case n == 0:
			values = append(values, "")
		case n == 1:
			values = append(values, strings.Repeat("v", r.IntN(200000)))
		default:
			values = append(values, fmt.Sprint("value", r.IntN(3)))
		}
	}
	return values
}

// check compares a table with the model, key by key and as a whole. Order
// counts in the overlay only: a reload keeps the place of what it finds again.
func check(t *testing.T, s *snapshot, m model) {
	t.Helper()
	if s.rows != m.rows() || s.sum != m.sum() {
		t.Fatalf("%d rows with checksum %x, want %d with %x", s.rows, s.sum, m.rows(), m.sum())
	}
	got := content(s)
	if len(got) != len(m) {
		t.Fatalf("%d keys, want %d", len(got), len(m))
	}
	for k, want := range m {
		want = slices.Sorted(slices.Values(want))
		values := s.values(k)
		first, ok := s.first(k)
		if !ok || first != values[0] {
			t.Fatalf("first of %.50q is %.50q, %v; values are %.200q", k, first, ok, values)
		}
		for what, g := range map[string][]string{"values": values, "each": got[k]} {
			if g = slices.Sorted(slices.Values(g)); !slices.Equal(g, want) {
				t.Fatalf("%s of %.50q are %.200q, want %.200q", what, k, g, want)
			}
		}
	}
	for _, k := range []string{"nobody", "user0@example.org", "user", " "} {
		if v, ok := s.first(k); ok || s.values(k) != nil {
			t.Fatalf("%q is found: %q", k, v)
		}
	}
}

// TestRandomHistory plays reloads, single changes and folds at random and
// compares with a Go map after each.
func TestRandomHistory(t *testing.T) {
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 1))
		tb := New("alias", nil, Policy{})
		m := model{}
		for step := range 60 {
			switch n := r.IntN(10); {
			case n < 5: // changes, some of them in vain
				patches := map[string]patch{}
				for range 1 + r.IntN(600) {
					k := randomKey(r)
					delete(m, k)
					p := patch{ticket: tb.tickets.Add(1)}
					if r.IntN(3) > 0 {
						p.values = randomValues(r)
						m[k] = p.values
					}
					patches[k] = p
				}
				tb.put(patches)
			case n < 9: // a reload that finds something else
				for range r.IntN(300) {
					k := randomKey(r)
					delete(m, k)
					if r.IntN(3) > 0 {
						m[k] = randomValues(r)
					}
				}
				loaded(t, tb, m)
			case r.IntN(3) == 0: // all gone, or all new
				clear(m)
				loaded(t, tb, m)
			default: // the same again
				before := tb.state.Load()
				loaded(t, tb, m)
				if s := tb.state.Load(); before.loaded && s.generation != before.generation {
					t.Fatalf("step %d: generation %d after a reload of the same, was %d", step, s.generation, before.generation)
				}
			}
			check(t, tb.state.Load(), m)
		}
	}
}

func TestLoadKeepsLoadOrder(t *testing.T) {
	tb := New("smtp_sender_acl", nil, Policy{})
	want := []string{"c", "a", "b", "a"}
	loaded(t, tb, model{"shared@example.org": want})
	if got := tb.state.Load().values("shared@example.org"); !slices.Equal(got, want) {
		t.Errorf("values %q, want %q", got, want)
	}
	loaded(t, tb, model{"shared@example.org": {"z", "a", "b"}})
	want = []string{"a", "b", "z"} // what was there keeps its place
	if got := tb.state.Load().values("shared@example.org"); !slices.Equal(got, want) {
		t.Errorf("values after a reload %q, want %q", got, want)
	}
}

func TestReloadOfTheSameSharesEverything(t *testing.T) {
	tb := New("alias", nil, Policy{})
	m := model{}
	for i := range 5000 {
		m[fmt.Sprint(i)] = []string{"a", "b"}
	}
	loaded(t, tb, m)
	before := tb.state.Load()
	loaded(t, tb, m)
	after := tb.state.Load()
	for i := range before.shards {
		if before.shards[i].seg != after.shards[i].seg {
			t.Fatalf("shard %d was made anew", i)
		}
	}
	m["1"] = []string{"a", "c"}
	loaded(t, tb, m)
	renewed := 0
	for i, sh := range tb.state.Load().shards {
		if sh.seg != after.shards[i].seg {
			renewed++
		}
	}
	if renewed != 1 {
		t.Errorf("%d shards were made anew for one changed row", renewed)
	}
}

func TestReadingCountsLostRows(t *testing.T) {
	base := model{}
	for i := range 100 {
		base[fmt.Sprint("key", i)] = []string{"1", "2"}
	}
	tests := []struct {
		name   string
		change func(model)
		lost   int
	}{
		{"nothing", func(model) {}, 0},
		{"values changed", func(m model) {
			for k := range m {
				m[k] = []string{"3", "4"}
			}
		}, 0},
		{"one key gone", func(m model) { delete(m, "key7") }, 2},
		{"one row of two gone", func(m model) { m["key7"] = []string{"2"} }, 1},
		{"rows added elsewhere hide nothing", func(m model) {
			delete(m, "key7")
			for i := range 50 {
				m[fmt.Sprint("new", i)] = []string{"1"}
			}
		}, 2},
		{"all keys others", func(m model) {
			clear(m)
			for i := range 100 {
				m[fmt.Sprint("new", i)] = []string{"1", "2"}
			}
		}, 200},
		{"all gone", func(m model) { clear(m) }, 200},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tb := New("alias", nil, Policy{})
			loaded(t, tb, base)
			tb.put(map[string]patch{"key8": {values: []string{"1", "2"}, ticket: tb.tickets.Add(1)}})
			m := maps.Clone(base)
			test.change(m)
			l := newLoader(tb.seed, tb.state.Load(), 0)
			for k, vs := range m {
				for _, v := range vs {
					if err := l.add(k, v); err != nil {
						t.Fatal(err)
					}
				}
			}
			r, err := l.finish(1, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if r.lost != test.lost {
				t.Errorf("lost %d rows, want %d", r.lost, test.lost)
			}
		})
	}
}

// A table that is read while single keys are asked: what was asked later wins,
// whatever arrives first.
func TestTicketsDecideWhoIsRight(t *testing.T) {
	tb := New("alias", nil, Policy{})
	loaded(t, tb, model{"a": {"old"}, "b": {"old"}, "c": {"old"}})
	before := tb.tickets.Add(1)
	base, ticket := tb.begin()
	after := tb.tickets.Add(1)
	tb.put(map[string]patch{"a": {values: []string{"asked before"}, ticket: before}})
	tb.put(map[string]patch{"b": {values: []string{"asked after"}, ticket: after}, "c": {ticket: after}})
	l := newLoader(tb.seed, base, 0)
	for _, k := range []string{"a", "b", "c"} {
		if err := l.add(k, "loaded"); err != nil {
			t.Fatal(err)
		}
	}
	r, err := l.finish(ticket, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	tb.activate(r.content, ticket, time.Now())
	tb.end()
	tb.put(map[string]patch{"a": {values: []string{"late"}, ticket: before}, "b": {values: []string{"late"}, ticket: before}})
	check(t, tb.state.Load(), model{"a": {"loaded"}, "b": {"asked after"}})
}

func TestOverlayIsFolded(t *testing.T) {
	tb := New("alias", nil, Policy{})
	m := model{}
	for i := range 2000 {
		m[fmt.Sprint(i)] = []string{"a"}
	}
	loaded(t, tb, m)
	for i := range 20000 {
		k := fmt.Sprint(i % 7000)
		m[k] = []string{fmt.Sprint(i)}
		tb.put(map[string]patch{k: {values: m[k], ticket: tb.tickets.Add(1)}})
	}
	check(t, tb.state.Load(), m)
	if n := tb.state.Load().overlaid(); n > shards*(foldKeys+1) {
		t.Errorf("%d keys stand in front of the segments", n)
	}
}

func TestMemoryLimitEndsALoad(t *testing.T) {
	l := newLoader(New("alias", nil, Policy{}).seed, &snapshot{}, 1<<20)
	var err error
	n := 0
	for ; err == nil && n < 1e6; n++ {
		err = l.add(fmt.Sprintf("user%d@example.org", n), "someone@example.net")
	}
	if err != errTooLarge || n > 40000 {
		t.Errorf("after %d rows: %v", n, err)
	}
}

// Hosts compare their tables by this checksum, across versions.
func TestChecksumStaysTheSame(t *testing.T) {
	m := model{"a@example.org": {"b@example.net"}, "shared@example.org": {"one", "two"}, "": {""}}
	if got := m.sum(); got != 0x100f5646064a {
		t.Errorf("checksum %#x", got)
	}
	swapped := model{"b@example.net": {"a@example.org"}}
	if swapped.sum() == (model{"a@example.org": {"b@example.net"}}).sum() {
		t.Error("key and value can be swapped")
	}
}
