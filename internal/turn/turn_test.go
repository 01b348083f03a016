package turn

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"postern/internal/lookup"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type key struct{}

func TestLookupGivesWhatTheMapSays(t *testing.T) {
	trouble := errors.New("trouble")
	for name, c := range map[string]struct {
		value string
		found bool
		err   error
	}{"found": {"v", true, nil}, "not found": {"why", false, nil}, "trouble": {"", false, trouble}} {
		for _, timeout := range []time.Duration{0, time.Minute} {
			t.Run(name+timeout.String(), func(t *testing.T) {
				var g Guard
				ctx := context.WithValue(t.Context(), key{}, "value of the connection")
				value, found, err := g.Lookup(ctx, &Question{Start: time.Now(), Key: "k", Timeout: timeout, Map: lookup.Func(
					func(ctx context.Context, k string) (string, bool, error) {
						if k != "k" || ctx.Value(key{}) == nil {
							t.Errorf("asked %q with %v", k, ctx)
						}
						return c.value, c.found, c.err
					})})
				if value != c.value || found != c.found || err != c.err {
					t.Errorf("got %q, %v, %v", value, found, err)
				}
			})
		}
	}
}

func TestPanicIsATemporaryError(t *testing.T) {
	var log bytes.Buffer
	var g Guard
	for _, timeout := range []time.Duration{0, time.Minute} {
		log.Reset()
		q := &Question{Start: time.Now(), Name: "m", Key: "k\n" + strings.Repeat("k", 1000), Timeout: timeout,
			Log: slog.New(slog.NewTextHandler(&log, nil)),
			Map: lookup.Func(func(context.Context, string) (string, bool, error) { panic(errors.New("nil map")) })}
		value, found, err := g.Lookup(t.Context(), q)
		if value != "" || found || err == nil || lookup.IsPermanent(err) || strings.Contains(err.Error(), "nil map") {
			t.Errorf("got %q, %v, %v", value, found, err)
		}
		if !strings.Contains(log.String(), "nil map") || !strings.Contains(log.String(), "turn_test.go") ||
			strings.Contains(log.String(), strings.Repeat("k", 201)) {
			t.Errorf("log: %s", log.String())
		}
	}
	if _, _, err := g.Lookup(t.Context(), &Question{}); err == nil {
		t.Error("a nil map answers")
	}
}

// stuckMap ignores its context for a time.
func stuckMap(d time.Duration) lookup.Map {
	return lookup.Func(func(context.Context, string) (string, bool, error) {
		time.Sleep(d)
		return "v", true, nil
	})
}

// TestWatchdog: the map may be late by the grace; beyond it the watchdog
// replies, and what the map says is dropped.
func TestWatchdog(t *testing.T) {
	for _, c := range []struct {
		timeout, takes time.Duration
		late           bool
	}{
		{20 * time.Second, 19 * time.Second, false},
		{20 * time.Second, 20*time.Second + 999*time.Millisecond, false},
		{20 * time.Second, 21*time.Second + 1, true},
		{20 * time.Second, time.Hour, true},
		{time.Second, 1249 * time.Millisecond, false},
		{time.Second, 1251 * time.Millisecond, true},
		{0, time.Hour, false},
	} {
		t.Run(c.timeout.String()+" "+c.takes.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var g Guard
				var out bytes.Buffer
				q := &Question{Start: time.Now(), Name: "m", Map: stuckMap(c.takes), Timeout: c.timeout, Writer: bufio.NewWriter(&out), LastWord: "sorry"}
				_, found, err := g.Lookup(t.Context(), q)
				if late := errors.Is(err, ErrLate); late != c.late || found == c.late {
					t.Errorf("got %v, %v", found, err)
				}
				if replied := out.String() == "sorry"; replied != c.late {
					t.Errorf("replied %q", out.String())
				}
			})
		})
	}
}

// TestWatchdogIsReused: a watchdog that did not bark watches the next lookup,
// one that did does not.
func TestWatchdogIsReused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Guard
		for i := range 20 {
			var out bytes.Buffer
			takes := time.Duration(i%3) * time.Second
			q := &Question{Start: time.Now(), Map: stuckMap(takes), Timeout: time.Second, Writer: bufio.NewWriter(&out), LastWord: "sorry"}
			_, _, err := g.Lookup(t.Context(), q)
			time.Sleep(time.Minute) // a stray bark would be heard
			if late := takes > time.Second; late != errors.Is(err, ErrLate) || late != (out.String() == "sorry") {
				t.Fatalf("%d: %v, %q", i, err, out.String())
			}
		}
	})
}

func TestReason(t *testing.T) {
	long := strings.Repeat("x", 300)
	for in, want := range map[string]string{
		"":                                     "",
		"database: connection refused":         "database: connection refused",
		"two\nlines\r\x00":                     "two?lines??",
		"müller":                               "müller",
		"\xff\xfe":                             "??",
		"line\u2028separator\u202eoverride":    "line?separator?override",
		long:                                   long[:197] + "...",
		long[:200]:                             long[:200],
		long[:201]:                             long[:197] + "...",
		long[:199] + "\n":                      long[:199] + "?",
		strings.Repeat("ü", 150):               strings.Repeat("ü", 98) + "...",
		strings.Repeat("ü", 100):               strings.Repeat("ü", 100),
		strings.Repeat("\n", 300):              strings.Repeat("?", 197) + "...",
		long[:196] + "\U0001F600\U0001F600":    long[:196] + "...",
		strings.Repeat("\xff", 200) + "\u00e9": strings.Repeat("?", 197) + "...",
	} {
		if got := Reason(in); got != want || len(got) > 200 {
			t.Errorf("%.60q:\n got %q\nwant %q", in, got, want)
		}
	}
}
