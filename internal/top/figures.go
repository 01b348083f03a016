package top

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// unknown stands for a figure that is none.
const unknown = "-"

// count prints how many there are, in five characters or so: 1234, 12.3k, 4.56M.
func count(n float64) string {
	if !finite(n) || n < 0 {
		return unknown
	}
	if n < 10_000 {
		return fmt.Sprintf("%.0f", n)
	}
	for _, unit := range "kMGTP" {
		if n /= 1000; n < 999.5 {
			return fmt.Sprintf("%.*f%c", max(0, 3-len(fmt.Sprintf("%.0f", n))), n, unit)
		}
	}
	return "many"
}

// rate prints how often something happens in a second or a minute.
func rate(n float64) string {
	switch {
	case !finite(n) || n < 0:
		return unknown
	case n == 0:
		return "0"
	case n < 0.1:
		return "<0.1"
	case n < 100:
		return fmt.Sprintf("%.1f", n)
	}
	return count(n)
}

// share prints 0…1 in percent.
func share(n float64) string {
	if !finite(n) || n < 0 || n > 1 {
		return unknown
	}
	return fmt.Sprintf("%.1f%%", 100*n)
}

// mean prints a short length of time, in seconds; 0 is that of no answers.
func mean(seconds float64) string {
	switch {
	case !finite(seconds) || seconds <= 0:
		return unknown
	case seconds < 0.001:
		return fmt.Sprintf("%.0fus", max(1, seconds*1e6))
	case seconds < 0.01:
		return fmt.Sprintf("%.1fms", seconds*1e3)
	case seconds < 1:
		return fmt.Sprintf("%.0fms", seconds*1e3)
	case seconds < 1e6:
		return fmt.Sprintf("%.1fs", seconds)
	}
	return "ages"
}

// lasting prints a length of time in its two largest units.
func lasting(d time.Duration) string {
	day := 24 * time.Hour
	switch {
	case d < 0:
		return unknown
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm %ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < day:
		return fmt.Sprintf("%dh %dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd %dh", int(d/day), int(d%day/time.Hour))
}

func finite(n float64) bool { return !math.IsNaN(n) && !math.IsInf(n, 0) }

// sparkline draws the last values, each in a cell, up to the largest of them.
func sparkline(values []float64, width int, ascii bool) string {
	steps := []rune("▁▂▃▄▅▆▇█")
	if ascii {
		steps = []rune("_.:-=+*#")
	}
	values = values[max(0, len(values)-max(0, width)):]
	top := 0.0
	for _, v := range values {
		if finite(v) {
			top = max(top, v)
		}
	}
	var b strings.Builder
	for _, v := range values {
		n := 0
		if finite(v) && v > 0 {
			n = max(1, int(v/top*float64(len(steps)-1)))
		}
		b.WriteRune(steps[n])
	}
	return b.String()
}
