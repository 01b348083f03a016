package main

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	var r report
	r.add("fast enough", atLeast(0.9), summary{0.956, 0.91, 1.02, 9}, "%s", "48.1k/s : 50.3k/s")
	r.add("too slow", atLeast(0.85), summary{0.849, 0.8, 0.9, 9}, "")
	r.add("too large", atMost(120), summary{176, 176, 176, 1}, "")
	r.add("no floor", floor{}, summary{273, 256, 303, 16}, "")
	r.fail("mails", errors.New("postfix is not installed:\napt-get install postfix"))
	var b strings.Builder
	r.write(&b)
	const want = `| what        | floor  | median | 95 % range   |                | side by side      |
|-------------|--------|--------|--------------|----------------|-------------------|
| fast enough | ≥ 0.90 | 0.956  | 0.910 – 1.02 | ok             | 48.1k/s : 50.3k/s |
| too slow    | ≥ 0.85 | 0.849  | 0.800 – 0.900 | **below 0.85** |                   |
| too large   | ≤ 120  | 176    |              | **above 120**  |                   |
| no floor    |        | 273    | 256 – 303    |                |                   |

**mails: not measured:** postfix is not installed: apt-get install postfix
`
	if got := b.String(); unpadded(got) != unpadded(want) {
		t.Errorf("report:\n%s\nwant:\n%s", got, want)
	}
	if lines := strings.Split(b.String(), "\n"); len([]rune(lines[0])) != len([]rune(lines[4])) {
		t.Errorf("columns do not stand below each other:\n%s", b.String())
	}
}

// unpadded takes the blanks away that make columns stand below each other.
func unpadded(s string) string {
	return strings.ReplaceAll(strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' }), " "), "-", "")
}

func TestVerdict(t *testing.T) {
	tests := []struct {
		floor floor
		value float64
		want  string
	}{
		{atLeast(0.9), 0.9, "ok"},
		{atLeast(0.9), 0.8999, "**below 0.90**"},
		{atMost(2), 2, "ok"},
		{atMost(2), 2.01, "**above 2**"},
		{atMost(2), math.NaN(), "not measured"},
		{floor{}, 5, ""},
	}
	for _, tt := range tests {
		if got := tt.floor.verdict(tt.value); got != tt.want {
			t.Errorf("floor %v of %v = %q, want %q", tt.floor, tt.value, got, tt.want)
		}
	}
}

func TestFigure(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.0416: "0.042", 0.9: "0.900", 2: "2.00", 17.04: "17.0", 50: "50", 133.7: "134", 9999: "9999", 68421: "68.4k",
	} {
		if got := figure(v); got != want {
			t.Errorf("figure(%v) = %q, want %q", v, got, want)
		}
	}
}
