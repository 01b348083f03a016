package main

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestSummarize(t *testing.T) {
	tests := []struct {
		name   string
		values []float64
		want   summary
	}{
		{"one", []float64{3}, summary{3, 3, 3, 1}},
		{"two", []float64{4, 2}, summary{3, 2, 4, 2}},
		{"five: too few to leave one out", []float64{5, 1, 4, 2, 3}, summary{3, 1, 5, 5}},
		{"eight: one left out would be 93 %", []float64{8, 7, 6, 5, 4, 3, 2, 1}, summary{4.5, 1, 8, 8}},
		{"nine: one left out at either end is 96 %", []float64{9, 8, 7, 6, 5, 4, 3, 2, 1}, summary{5, 2, 8, 9}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := slices.Clone(tt.values)
			if got := summarize(tt.values); got != tt.want {
				t.Errorf("summarize(%v) = %+v, want %+v", tt.values, got, tt.want)
			}
			if !slices.Equal(tt.values, before) {
				t.Error("the values were sorted in place")
			}
		})
	}
	if got := summarize(nil); !math.IsNaN(got.median) || got.n != 0 {
		t.Errorf("summarize(nil) = %+v, want no number", got)
	}
}

// The tables of the sign test have 0, 1, 2, 5, 9 for these.
func TestOutside(t *testing.T) {
	for n, want := range map[int]int{1: 0, 5: 0, 6: 0, 8: 0, 9: 1, 12: 2, 20: 5, 30: 9} {
		if got := outside(n); got != want {
			t.Errorf("outside(%d) = %d, want %d", n, got, want)
		}
	}
}

func TestTakeTurns(t *testing.T) {
	var order strings.Builder
	named := func(name string, v float64) side {
		return func(context.Context) (float64, error) { order.WriteString(name); return v, nil }
	}
	got, err := takeTurns(t.Context(), 2, named("A", 1), named("B", 2), named("C", 4))
	if err != nil || order.String() != "ABCCBAABCCBA" {
		t.Fatalf("order %s, error %v, want ABCCBA twice", order.String(), err)
	}
	if r := ratios(got[2], got[1]); !slices.Equal(r, []float64{2, 2}) {
		t.Errorf("ratios %v, want one a round: [2 2]", r)
	}
}

func TestTakeTurnsGivesUp(t *testing.T) {
	broken := errors.New("broken")
	one := func(context.Context) (float64, error) { return 1, nil }
	tests := []struct {
		name string
		side side
		want string
	}{
		{"an error", func(context.Context) (float64, error) { return 1, broken }, "broken"},
		{"nothing done", func(context.Context) (float64, error) { return 0, nil }, "nothing was reached"},
		{"no number", func(context.Context) (float64, error) { return math.NaN(), nil }, "nothing was reached"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := takeTurns(t.Context(), 1, one, tt.side)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := takeTurns(ctx, 1, one); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v after the end, want context.Canceled", err)
	}
}

func TestRatiosMeanTheRound(t *testing.T) {
	// The second A slice of the round was slow: it counts with the first.
	got := ratios(series{90, 60}, series{100, 100})
	if !slices.Equal(got, []float64{0.75}) {
		t.Errorf("ratios = %v, want [0.75]", got)
	}
}
