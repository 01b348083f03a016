package main

import (
	"context"
	"fmt"
)

// side is one of the things compared: it works for a slice of time and says
// what it reached, as a rate or as the time taken.
type side func(ctx context.Context) (float64, error)

// series is what a side reached, two slices a round.
type series []float64

// takeTurns has the sides work in slices: A B B A, or A B C C B A, in every
// round. So what changes slowly on the machine meets all of them alike.
func takeTurns(ctx context.Context, rounds int, sides ...side) ([]series, error) {
	all := make([]series, len(sides))
	for range rounds {
		for _, i := range there(len(sides)) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			v, err := sides[i](ctx)
			if err != nil {
				return nil, err
			}
			if !(v > 0) {
				return nil, fmt.Errorf("side %d: nothing was reached in a slice", i)
			}
			all[i] = append(all[i], v)
		}
	}
	return all, nil
}

// there is there and back again: 0 1 2 2 1 0.
func there(n int) []int {
	var order []int
	for i := range n {
		order = append(order, i)
	}
	for i := range n {
		order = append(order, n-1-i)
	}
	return order
}

// ratios has one ratio a round.
func ratios(of, to series) []float64 {
	var all []float64
	for i := 0; i+1 < len(of) && i+1 < len(to); i += 2 {
		all = append(all, (of[i]+of[i+1])/(to[i]+to[i+1]))
	}
	return all
}
