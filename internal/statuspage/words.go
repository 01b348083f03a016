package statuspage

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// count is a number of things: 1,234,567.
func count(n float64) string {
	digits := strconv.FormatFloat(n, 'f', 0, 64)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 && digits[i-1] != '-' {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// few is a small or a large number with about two digits that count.
func few(n float64) string {
	switch {
	case n == 0:
		return "0"
	case n < 0.01:
		return "<0.01"
	case n < 1:
		return trimmed(n, 2)
	case n < 100:
		return trimmed(n, 1)
	}
	return count(n)
}

func trimmed(n float64, decimals int) string {
	text := strconv.FormatFloat(n, 'f', decimals, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	return text
}

func percent(share float64) string { return trimmed(100*share, 1) + " %" }

// took is how long something takes: 7 µs, 1.2 ms, 3 s.
func took(seconds float64) string {
	switch {
	case seconds <= 0:
		return "–"
	case seconds < 0.001:
		return trimmed(seconds*1e6, 0) + " µs"
	case seconds < 1:
		return trimmed(seconds*1e3, 1) + " ms"
	}
	return trimmed(seconds, 1) + " s"
}

// ago is a time that has passed, in its largest unit, or two of them.
func ago(d time.Duration) string {
	s := int(d.Seconds())
	switch {
	case s < 0:
		return "0 s"
	case s < 120:
		return fmt.Sprintf("%d s", s)
	case s < 2*3600:
		return fmt.Sprintf("%d min", s/60)
	case s < 48*3600:
		return fmt.Sprintf("%d h %d min", s/3600, s/60%60)
	}
	return fmt.Sprintf("%d days", s/86400)
}
