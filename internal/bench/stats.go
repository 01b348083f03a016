package main

import (
	"math"
	"slices"
)

// summary is what a few measured values come to.
type summary struct {
	median    float64
	low, high float64 // the true median lies between, with a confidence of 95 %
	n         int
}

// summarize sorts a copy of values. Of fewer than six, which cannot give the
// confidence, low and high are the least and the greatest.
func summarize(values []float64) summary {
	if len(values) == 0 {
		nan := math.NaN()
		return summary{nan, nan, nan, 0}
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	k := outside(n)
	return summary{(sorted[(n-1)/2] + sorted[n/2]) / 2, sorted[k], sorted[n-1-k], n}
}

// outside is how many values at either end may be left out so that the median
// still lies within the rest with a confidence of 95 %: each value lies below
// it with a probability of one half (sign test).
func outside(n int) int {
	tail, term := 0.0, math.Pow(0.5, float64(n))
	for k := range n / 2 {
		tail += term
		if 2*tail > 0.05 {
			return max(k-1, 0)
		}
		term *= float64(n-k) / float64(k+1)
	}
	return 0
}
