// Package duration reads lengths of time as people write them in
// configurations and tables: 500ms, 60s, 1h30m, 1d, 2w. It is
// [time.ParseDuration] with days and weeks, and without signs and units that
// nobody configures.
package duration

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Parse reads a duration with the units ms, s, m, h, d (24 hours) and w (7
// days). It may be zero and is never negative.
func Parse(s string) (time.Duration, error) {
	total, ok := sum(s)
	if !ok {
		return 0, fmt.Errorf("%.100q is not a duration: write a number and a unit: ms, s, m, h, d (24h) or w (7d), as in 60s or 1h30m", s)
	}
	return total, nil
}

// sum adds up the parts of s.
func sum(s string) (total time.Duration, ok bool) {
	if s == "" || s[0] == '-' || s[0] == '+' {
		return 0, false
	}
	for rest := s; rest != ""; {
		n := strings.IndexFunc(rest, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
		if n <= 0 {
			return 0, false
		}
		end := n + 1
		for end < len(rest) && (rest[end] < '0' || rest[end] > '9') {
			end++
		}
		part, err := scaled(rest[:n], rest[n:end])
		if err != nil || total+part < total {
			return 0, false
		}
		total += part
		rest = rest[end:]
	}
	return total, true
}

// scaled is number times unit.
func scaled(number, unit string) (time.Duration, error) {
	factor := time.Duration(1)
	switch unit {
	case "d":
		unit, factor = "h", 24
	case "w":
		unit, factor = "h", 7*24
	case "ms", "s", "m", "h":
	default:
		return 0, strconv.ErrSyntax
	}
	v, err := time.ParseDuration(number + unit)
	if v > math.MaxInt64/factor {
		return 0, strconv.ErrRange
	}
	return v * factor, err
}
