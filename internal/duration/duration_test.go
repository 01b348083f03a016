package duration

import (
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"500ms": 500 * time.Millisecond,
		"60s":   time.Minute,
		"1h30m": 90 * time.Minute,
		"1d":    24 * time.Hour,
		"2w":    14 * 24 * time.Hour,
		"1.5h":  90 * time.Minute,
		"0s":    0,
	} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "60", "s", "-1s", "+1s", "1x", "1 h", "9999999999h", "99999999999999999w", "1h-1m", "1..5h"} {
		if got, err := Parse(text); err == nil {
			t.Errorf("%q: accepted as %v", text, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"60s", "1h30m", "1d", "2w", "1..5h", "106751d", "15250w2w", "1e9h"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := Parse(text); d < 0 || err != nil && d != 0 {
			t.Errorf("%q: %v, %v", text, d, err)
		}
	})
}
