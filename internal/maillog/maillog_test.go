package maillog

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

var berlin = time.FixedZone("CET", 3600)

func options() Options {
	return Options{Now: time.Date(2026, 11, 21, 18, 0, 0, 0, berlin), Location: berlin}
}

// told is an event in one line; fields that are not set do not show.
func told(e Event) string {
	text := fmt.Sprintf("%s %s %s/%s %s", e.Time.UTC().Format(time.RFC3339Nano), e.Host, e.Name, e.Service, e.Kind)
	for _, f := range []struct{ name, value string }{
		{"id", e.QueueID}, {"client", e.Client}, {"method", e.SASLMethod}, {"login", e.SASLUsername}, {"orig", e.OrigID},
		{"message", e.MessageID}, {"from", e.From}, {"to", e.To}, {"orig_to", e.OrigTo},
		{"relay", e.Relay}, {"dsn", e.DSN}, {"status", e.Status}, {"reason", e.Reason},
	} {
		if f.value != "" {
			text += fmt.Sprintf(" %s=%q", f.name, f.value)
		}
	}
	if e.Kind == Queued {
		text += fmt.Sprintf(" size=%d nrcpt=%d", e.Size, e.Recipients)
	}
	return text
}

// TestLines plays testdata/lines: a line of the log, and below it, behind
// "= ", what it tells.
func TestLines(t *testing.T) {
	text, err := os.ReadFile("testdata/lines")
	if err != nil {
		t.Fatal(err)
	}
	line, n := "", 0
	for l := range strings.Lines(string(text)) {
		l = strings.TrimSuffix(l, "\n")
		want, answer := strings.CutPrefix(l, "= ")
		if !answer {
			if l != "" && !strings.HasPrefix(l, "#") {
				line = l
			}
			continue
		}
		n++
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			e, what := parse(line, options())
			got := [...]string{told(e), "silent", "foreign", "odd"}[what]
			if got != want {
				t.Errorf("%s\n got %s\nwant %s", line, got, want)
			}
		})
	}
	if n < 30 {
		t.Errorf("only %d lines were tried", n)
	}
}

func TestYear(t *testing.T) {
	at := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 12, 0, 0, 0, berlin) }
	tests := []struct {
		stamp     string
		now, want time.Time
	}{
		{"Nov 21 12:00:00", at(2026, 11, 21), at(2026, 11, 21)},
		{"Nov 22 12:00:00", at(2026, 11, 22).Add(-time.Second), at(2026, 11, 22)}, // a clock that is a little ahead
		{"Nov 23 12:00:00", at(2026, 11, 21), at(2025, 11, 23)},
		{"Dec 31 12:00:00", at(2027, 1, 1), at(2026, 12, 31)},
		{"Jan  1 12:00:00", at(2026, 12, 31).Add(time.Hour), at(2027, 1, 1)},
		{"Feb 29 12:00:00", at(2026, 11, 21), at(2024, 2, 29)},
		{"Feb 29 12:00:00", at(2028, 2, 29), at(2028, 2, 29)},
		{"Feb 30 12:00:00", at(2026, 11, 21), time.Time{}},
	}
	for _, tt := range tests {
		t.Run(tt.stamp+" on "+tt.now.Format(time.DateOnly), func(t *testing.T) {
			got, _, _ := stamp(tt.stamp+" mx x: y", Options{Now: tt.now, Location: berlin})
			if !got.Equal(tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestQueueID(t *testing.T) {
	for id, want := range map[string]bool{
		"3F1A22": true, "B3D5A1C2E": true, "4gXjVc2hTgz3tM": true, "4gXjVc2hTgzG": true, "4gXjVc2hTgz": false,
		"": false, "3F1A2": false, "3f1a22": false, "ABCDEFG": false, "4gXjVc2hTgaz3": false, "NOQUEUE": false, "ALL": false,
		"../../etc": false, "-d": false, strings.Repeat("A", 33): false,
	} {
		if got := IsQueueID(id); got != want {
			t.Errorf("%q: %v", id, got)
		}
	}
}

// TestReader: lines that are too long or no lines of a log are counted, and
// the next one is read.
func TestReader(t *testing.T) {
	good := "2026-11-01T17:24:45+01:00 mx postfix/qmgr[7]: 3F1A22C: removed"
	text := strings.Join([]string{
		good, strings.Repeat("x", MaxLine+1), good + "\r", "\x00\x1f\xff", "", strings.Repeat("y", 5*MaxLine),
		"2026-11-01T17:24:45+01:00 mx sshd[7]: 3F1A22C: removed", good + strings.Repeat(" ", MaxLine-len(good)), good,
	}, "\n")
	r := NewReader(strings.NewReader(text), options())
	n := 0
	for {
		e, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil || e.Kind != Removed {
			t.Fatal(told(e), err)
		}
		n++
	}
	if got, want := r.Stats(), (Stats{Lines: 9, Events: 3, Foreign: 1, Odd: 2, Long: 3}); got != want || n != 3 {
		t.Errorf("%d events, %+v, want %+v", n, got, want)
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("behind the end: %v", err)
	}
}

// TestTrouble: an error of the reading is none of the log.
func TestTrouble(t *testing.T) {
	broken := errors.New("input/output error")
	for _, head := range []string{"", "half a line", strings.Repeat("x", MaxLine+1)} {
		r := NewReader(io.MultiReader(strings.NewReader(head), failing{broken}), options())
		if _, err := r.Next(); !errors.Is(err, broken) {
			t.Errorf("behind %d bytes: %v", len(head), err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// FuzzParse: no line makes an event with an ID that could be anything else.
func FuzzParse(f *testing.F) {
	text, err := os.ReadFile("testdata/lines")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f.Add(strings.TrimSuffix(line, "\n"))
	}
	f.Fuzz(func(t *testing.T, line string) {
		e, what := parse(line, options())
		if what != event {
			return
		}
		if e.QueueID == "" && e.Kind != Rejected || e.QueueID != "" && !IsQueueID(e.QueueID) {
			t.Errorf("queue ID %q", e.QueueID)
		}
		if e.Time.IsZero() || e.Kind < Accepted || e.Kind > Rejected || e.Host == "" || e.Service == "" {
			t.Errorf("%+v", e)
		}
	})
}
