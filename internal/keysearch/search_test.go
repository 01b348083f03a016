package keysearch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"postern/internal/lookup"
)

// rows is a table that records what it is asked.
type rows struct {
	name   string
	values map[string]string
	errs   map[string]error // per key
	fresh  map[string]error // per key, of the second pass; nil: as the first
	log    *[]string
}

func (r rows) Lookup(ctx context.Context, key string) (string, bool, error) {
	if r.log != nil {
		pass := ""
		if lookup.Fresh(ctx) {
			pass = "fresh "
		}
		*r.log = append(*r.log, pass+r.name+" "+key)
	}
	errs := r.errs
	if lookup.Fresh(ctx) && r.fresh != nil {
		errs = r.fresh
	}
	if err := errs[key]; err != nil {
		return "", false, err
	}
	value, found := r.values[key]
	return value, found, nil
}

const listKey = "User+Tag@x"

var listOptions = Options{RecipientDelimiter: "+", Propagate: true}

// order is what a list of two virtual tables is asked for listKey.
var order = []string{
	"a user+tag@x", "b user+tag@x",
	"a user@x", "b user@x",
	"a @x", "b @x",
}

// list makes two tables a and b; each entry of setUp is "a user@x" and so on.
func list(log *[]string, found []string, errs, fresh map[string]error) lookup.Map {
	tables := map[string]rows{}
	for _, name := range []string{"a", "b"} {
		r := rows{name: name, log: log, values: map[string]string{}, errs: map[string]error{}}
		if fresh != nil {
			r.fresh = map[string]error{}
		}
		for _, f := range found {
			if table, key, _ := strings.Cut(f, " "); table == name {
				r.values[key] = "from " + f
			}
		}
		for f, err := range errs {
			if table, key, _ := strings.Cut(f, " "); table == name {
				r.errs[key] = err
			}
		}
		for f, err := range fresh {
			if table, key, _ := strings.Cut(f, " "); table == name {
				r.fresh[key] = err
			}
		}
		tables[name] = r
	}
	return New(SenderLogin, listOptions, tables["a"], tables["b"])
}

func TestListIsAskedFormByForm(t *testing.T) {
	var log []string
	_, found, err := list(&log, nil, nil, nil).Lookup(t.Context(), listKey)
	if found || err != nil || !slices.Equal(log, order) {
		t.Errorf("asked %q, want %q (found %v, error %v)", log, order, found, err)
	}
}

func TestFirstValueWins(t *testing.T) {
	for i, hit := range order {
		t.Run(hit, func(t *testing.T) {
			var log []string
			m := list(&log, order[i:], nil, nil)
			value, found, err := m.Lookup(t.Context(), listKey)
			if value != "from "+hit || !found || err != nil {
				t.Errorf("got %q, %v, %v", value, found, err)
			}
			if !slices.Equal(log, order[:i+1]) {
				t.Errorf("asked %q", log)
			}
		})
	}
}

func TestErrorEndsTheSearch(t *testing.T) {
	trouble := errors.New("gone")
	for i, at := range order {
		t.Run(at, func(t *testing.T) {
			var log []string
			m := list(&log, order[i+1:], map[string]error{at: trouble}, nil)
			value, found, err := m.Lookup(t.Context(), listKey)
			if !errors.Is(err, trouble) || found || value != "" {
				t.Errorf("got %q, %v, %v", value, found, err)
			}
			if !slices.Equal(log, order[:i+1]) {
				t.Errorf("asked %q", log)
			}
		})
	}
}

func TestUnsureIsSteppedOver(t *testing.T) {
	for i, at := range order {
		for j := i + 1; j < len(order); j++ {
			t.Run(at+" then "+order[j], func(t *testing.T) {
				var log []string
				unsure := map[string]error{at: lookup.Unsure(errors.New("late"))}
				value, found, err := list(&log, order[j:], unsure, nil).Lookup(t.Context(), listKey)
				if value != "from "+order[j] || !found || err != nil {
					t.Errorf("got %q, %v, %v", value, found, err)
				}
				if !slices.Equal(log, order[:j+1]) {
					t.Errorf("asked %q", log)
				}
			})
		}
	}
}

func TestUnsureIsAskedAgain(t *testing.T) {
	var again []string
	for _, o := range order {
		again = append(again, "fresh "+o)
	}
	late, gone := lookup.Unsure(errors.New("late")), errors.New("gone")
	for i, at := range order {
		tests := []struct {
			name  string
			fresh map[string]error
			want  error
			asked []string // of the second pass
		}{
			{"knows now", map[string]error{}, nil, again},
			{"still unsure", map[string]error{at: late}, late, again},
			{"trouble now", map[string]error{at: gone}, gone, again[:i+1]},
		}
		for _, tt := range tests {
			t.Run(at+" "+tt.name, func(t *testing.T) {
				var log []string
				m := list(&log, nil, map[string]error{at: late}, tt.fresh)
				value, found, err := m.Lookup(t.Context(), listKey)
				if found || value != "" || !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
					t.Errorf("got %q, %v, %v; want error %v", value, found, err, tt.want)
				}
				if want := slices.Concat(order, tt.asked); !slices.Equal(log, want) {
					t.Errorf("asked %q, want %q", log, want)
				}
			})
		}
	}
}

func TestUnsureThenTrouble(t *testing.T) {
	gone := errors.New("gone")
	errs := map[string]error{"a user+tag@x": lookup.Unsure(errors.New("late")), "b @x": gone}
	var log []string
	_, _, err := list(&log, nil, errs, nil).Lookup(t.Context(), listKey)
	if !errors.Is(err, gone) || lookup.IsUnsure(err) || len(log) != len(order) {
		t.Errorf("got %v after %q, want the real trouble after one pass", err, log)
	}
}

func TestFreshIsAskedOnce(t *testing.T) {
	var log []string
	m := list(&log, nil, map[string]error{"a @x": lookup.Unsure(errors.New("late"))}, nil)
	_, _, err := m.Lookup(lookup.WithFresh(t.Context()), listKey)
	if !lookup.IsUnsure(err) || len(log) != len(order) {
		t.Errorf("got %v after %d questions, want unsure after %d", err, len(log), len(order))
	}
}

func TestFoundAtTheSecondPass(t *testing.T) {
	source := lookup.Func(func(ctx context.Context, key string) (string, bool, error) {
		switch {
		case key != "user@x":
			return "", false, nil
		case lookup.Fresh(ctx):
			return "new@y", true, nil
		default:
			return "", false, lookup.Unsure(errors.New("late"))
		}
	})
	value, found, err := New(Virtual, listOptions, source).Lookup(t.Context(), listKey)
	if value != "new+Tag@y" || !found || err != nil {
		t.Errorf("got %q, %v, %v", value, found, err)
	}
}

func TestEmptyValueIsTrouble(t *testing.T) {
	var log []string
	a := rows{name: "a", log: &log, values: map[string]string{"user@x": ""}}
	b := rows{name: "b", log: &log, values: map[string]string{"user@x": "z"}}
	value, found, err := New(Virtual, listOptions, a, b).Lookup(t.Context(), listKey)
	if !lookup.IsPermanent(err) || found || value != "" || len(log) != 3 {
		t.Errorf("got %q, %v, %v after %q", value, found, err, log)
	}
}

func TestReasonIsKept(t *testing.T) {
	mute := rows{values: map[string]string{}}
	talks := lookup.Func(func(_ context.Context, key string) (string, bool, error) {
		return "no " + key, false, nil
	})
	value, found, err := New(Virtual, listOptions, mute, talks).Lookup(t.Context(), listKey)
	if value != "no user+tag@x" || found || err != nil {
		t.Errorf("got %q, %v, %v, want the first reason", value, found, err)
	}
}

func TestNoSources(t *testing.T) {
	for _, class := range Classes() {
		if value, found, err := New(class, listOptions).Lookup(t.Context(), listKey); value != "" || found || err != nil {
			t.Errorf("%s: got %q, %v, %v", class, value, found, err)
		}
	}
}

func TestTraceTellsEveryQuestion(t *testing.T) {
	var steps []string
	ctx := lookup.WithTrace(t.Context(), func(s lookup.Step) {
		steps = append(steps, fmt.Sprintf("%s %s %s found=%v err=%v (%s)", s.Map, s.Key, s.Value, s.Found, s.Err, s.Note))
	})
	a := rows{errs: map[string]error{"user+tag@x": lookup.Unsure(errors.New("late"))}}
	b := rows{values: map[string]string{"user@x": "z"}}
	if _, _, err := New(Virtual, listOptions, a, b).Lookup(ctx, listKey); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"virtual user+tag@x  found=false err=not found as of the last answer: late (whole key)",
		"virtual user+tag@x  found=false err=<nil> (whole key)",
		"virtual user@x  found=false err=<nil> (without extension)",
		"virtual user@x z found=true err=<nil> (without extension)",
	}
	if !slices.Equal(steps, want) {
		t.Errorf("steps\n%s\nwant\n%s", strings.Join(steps, "\n"), strings.Join(want, "\n"))
	}
}

// What is paid on top of the source for a hit on the first form.
func TestAllocations(t *testing.T) {
	source := lookup.Func(func(context.Context, string) (string, bool, error) { return "v", true, nil })
	for _, class := range Classes() {
		m := New(class, listOptions, source)
		for key, want := range map[string]float64{"user+tag@example.com": 0, "User+tag@example.com": 1} {
			got := testing.AllocsPerRun(100, func() { _, _, _ = m.Lookup(context.Background(), key) })
			if got > want {
				t.Errorf("%s %s: %v allocations, want at most %v", class, key, got, want)
			}
		}
	}
}
