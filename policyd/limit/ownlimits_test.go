package limit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"postern/internal/lookup"
	"postern/policyd/counter"
)

func TestParseOwn(t *testing.T) {
	day, minute := 24*time.Hour, time.Minute
	for text, want := range map[string][]counter.Window{
		"500/1d":                 {{N: 500, Per: day}},
		"500/1d, 60/1m":          {{N: 500, Per: day}, {N: 60, Per: minute}},
		"500/1d 60/1m":           {{N: 500, Per: day}, {N: 60, Per: minute}},
		" 500/1d,\t60/1m ,":      {{N: 500, Per: day}, {N: 60, Per: minute}},
		"0/1h":                   {{N: 0, Per: time.Hour}},
		"9223372036854775807/2w": {{N: 1<<63 - 1, Per: 14 * day}},
	} {
		got, what, err := parseOwn(nil, text)
		if err != nil || what != ownWindows || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v, %v", text, got, what, err)
		}
	}
	for text, want := range map[string]own{"unlimited": ownUnlimited, " UNLIMITED ": ownUnlimited, "default": ownDefault, "Default\t": ownDefault} {
		if got, what, err := parseOwn(nil, text); err != nil || what != want || got != nil {
			t.Errorf("%q: %v, %v, %v", text, got, what, err)
		}
	}
	for _, text := range []string{
		"", " ", ",", "500", "/1d", "500/", "500/0s", "-5/1d", "+5/1d", "5.5/1d", "500/day", "5/1d/1h", "500 / 1d", "1e3/1d", "0x10/1d", "5_0/1d",
		"9223372036854775808/1d", "none", "unlimited, 5/1d", "5/1d, 6/24h", strings.Repeat("x", maxOwnText+1),
		"1/1s 1/2s 1/3s 1/4s 1/5s 1/6s 1/7s 1/8s 1/9s 1/10s 1/11s", "5/1d\x00",
	} {
		if got, what, err := parseOwn(nil, text); err == nil {
			t.Errorf("%q: accepted as %v, %v", text, got, what)
		}
	}
}

// FuzzParseOwn wants windows that a store takes, and that print as what makes
// them again.
func FuzzParseOwn(f *testing.F) {
	for _, seed := range []string{"500/1d, 60/1m", "unlimited", "default", "0/1s", "1/1ms", "5/1d 6/24h", "\xff/1d", strings.Repeat("1/1d,", 99)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		windows, what, err := parseOwn(nil, text)
		if err != nil || what != ownWindows {
			return
		}
		if len(windows) == 0 || len(windows) > maxOwnWindows {
			t.Fatalf("%q: %d windows", text, len(windows))
		}
		var words []string
		for _, w := range windows {
			if w.N < 0 || w.Per <= 0 {
				t.Fatalf("%q: %+v", text, w)
			}
			if w.Per%time.Millisecond != 0 {
				return // more digits than the units have
			}
			words = append(words, fmt.Sprintf("%d/%dms", w.N, w.Per.Milliseconds()))
		}
		again, _, err := parseOwn(nil, strings.Join(words, ", "))
		if err != nil && len(strings.Join(words, ", ")) <= maxOwnText || err == nil && !slices.Equal(again, windows) {
			t.Errorf("%q: %v, again %v, %v", text, windows, again, err)
		}
	})
}

// TestLookupsAreCounted has each outcome of a lookup counted, and trouble in
// the log once a minute, with what is wrong and without the map's value of
// anybody else.
func TestLookupsAreCounted(t *testing.T) {
	rows := map[string]string{"jo@x.example": "5/1h", "@y.example": "5/1h", "free": "unlimited", "same": "default", "bad": "plenty"}
	limits := lookup.Func(func(_ context.Context, key string) (string, bool, error) {
		if key == "away" {
			return "", false, errors.New("the database is away")
		}
		if key == "unsure@x.example" {
			return "", false, lookup.Unsure(errors.New("the database is away"))
		}
		value, found := rows[key]
		return value, found, nil
	})
	registry := prometheus.NewRegistry()
	var log bytes.Buffer
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c, err := New(Options{
		Store: newLedger(), Metrics: NewMetrics(registry), Log: slog.New(slog.NewTextHandler(&log, nil)), Now: func() time.Time { return now },
		Rules: []Rule{{Name: "login", Keys: mustKeys(t, "sasl_username"), Windows: hourly(100), Limits: limits}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(login string) {
		if v, err := judge(c, request(t, "RCPT", login, "sasl_username="+login)); err != nil || !v.Action.IsDunno() {
			t.Errorf("%s: %v, %v", login, v.Action, err)
		}
	}
	for _, login := range []string{"jo@x.example", "al@y.example", "eve@z.example", "free", "same", "bad", "away", "bad", "unsure@x.example"} {
		ask(login)
	}
	if got := strings.Count(log.String(), "\n"); got != 1 || !strings.Contains(log.String(), `"plenty`) || !strings.Contains(log.String(), "rule=login") {
		t.Errorf("%d lines: %s", got, &log)
	}
	log.Reset()
	now = now.Add(61 * time.Second)
	ask("away")
	if !strings.Contains(log.String(), "the database is away") || !strings.Contains(log.String(), "not_shown=3") {
		t.Errorf("a minute later: %s", &log)
	}
	log.Reset()
	now = now.Add(-time.Hour) // a clock that is set back does not silence it
	if ask("bad"); log.Len() == 0 {
		t.Error("the clock was set back, and nothing is written")
	}
	for result, want := range map[string]float64{"key": 1, "domain": 1, "none": 1, "unlimited": 1, "default": 1, "malformed": 3, "trouble": 3} {
		if got := testutil.ToFloat64(c.rules[0].metrics.lookups[result]); got != want {
			t.Errorf("%s: %v, want %v", result, got, want)
		}
	}
}
