package top

import (
	"math"
	"strings"
	"testing"
	"time"

	"postern/internal/status"
)

func TestClean(t *testing.T) {
	for text, want := range map[string][2]string{
		"plain text":                {"plain text", "plain text"},
		"\x1b[31mred\x1b]0;t\a":     {" [31mred ]0;t ", " [31mred ]0;t "},
		"\u009b31m":                 {"?31m", "?31m"},
		"a\r\nb\tc\x00d\x7fe":       {"a  b c d e", "a  b c d e"},
		"\xff\xfe":                  {"??", "??"},
		"Müller":                    {"Müller", "M?ller"},
		"\u202eevil\u200b":          {"?evil?", "?evil?"},
		"\u0301x":                   {"x", "x"},
		"e\u0301\u0301\u0301\u0301": {"e\u0301\u0301", "e"},
		"❤\ufe0f":                   {"❤", "?"},
		strings.Repeat("x", 300):    {strings.Repeat("x", 200) + "…", strings.Repeat("x", 200) + "~"},
	} {
		if got := clean(text, false); got != want[0] {
			t.Errorf("%q became %q, want %q", text, got, want[0])
		}
		if got := clean(text, true); got != want[1] {
			t.Errorf("in ASCII %q became %q, want %q", text, got, want[1])
		}
	}
}

// TestTablesSayWhatTheyHold: one without rows in memory is not a current one.
func TestTablesSayWhatTheyHold(t *testing.T) {
	for _, test := range []struct {
		table status.Table
		want  Span
	}{
		{status.Table{Loaded: true, Rows: 20000, Age: 75}, Span{"20.0k rows, current 1m 15s ago", Plain}},
		{status.Table{}, Span{"not loaded", Bad}},
		{status.Table{PerKey: true}, Span{"asked per key", Plain}},
	} {
		if got := holds(test.table); got != test.want {
			t.Errorf("%+v: %+v, want %+v", test.table, got, test.want)
		}
	}
}

func TestFigures(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for got, want := range map[string]string{
		count(0): "0", count(9999): "9999", count(12_345): "12.3k", count(123_456): "123k", count(4_560_000): "4.56M", count(999_700): "1.00M", count(1e30): "many",
		"c" + count(nan): "c-", "c" + count(inf): "c-", "c" + count(-1): "c-",
		"r" + rate(0): "r0", rate(0.01): "<0.1", rate(9.96): "10.0", rate(1234): "1234", "r" + rate(nan): "r-",
		share(0.5): "50.0%", share(1.5): "-", "s" + share(nan): "s-",
		mean(0.0000001): "1us", mean(0.0009): "900us", mean(0.0042): "4.2ms", mean(0.25): "250ms", mean(2): "2.0s", mean(1e9): "ages", "m" + mean(0): "m-", "m" + mean(inf): "m-",
		lasting(59 * time.Second): "59s", lasting(61 * time.Second): "1m 1s", lasting(3 * time.Hour): "3h 0m", lasting(76 * time.Hour): "3d 4h", "l" + lasting(-1): "l-",
		figure(2, perSecond): "2.0/s", figure(1, "share"): "100.0%", figure(0.5, "seconds"): "500ms", figure(7, "bananas"): "7",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestSparkline(t *testing.T) {
	for _, test := range []struct {
		values []float64
		width  int
		ascii  bool
		want   string
	}{
		{nil, 5, false, ""}, {[]float64{0, 0}, 5, false, "▁▁"}, {[]float64{0, 0.001, 7, 14}, 5, false, "▁▂▄█"}, {[]float64{9, 1, 2}, 2, false, "▄█"}, {[]float64{9}, -1, false, ""},
		{[]float64{math.NaN(), math.Inf(1), -3, 4}, 9, true, "___#"}, {[]float64{0, 1, 2, 3, 4, 5, 6, 7}, 9, true, "_.:-=+*#"},
	} {
		if got := sparkline(test.values, test.width, test.ascii); got != test.want {
			t.Errorf("%v in %d: %q, want %q", test.values, test.width, got, test.want)
		}
	}
}

func TestUTF8(t *testing.T) {
	for _, test := range []struct {
		env  map[string]string
		want bool
	}{
		{nil, false},
		{map[string]string{"LANG": "de_DE.UTF-8"}, true},
		{map[string]string{"LANG": "C.utf8"}, true},
		{map[string]string{"LANG": "C"}, false},
		{map[string]string{"LANG": "de_DE@euro"}, false},
		{map[string]string{"LANG": "de_DE.UTF-8@euro"}, true},
		{map[string]string{"LANG": "de_DE.UTF-8", "LC_ALL": "C"}, false},
		{map[string]string{"LANG": "C", "LC_CTYPE": "C.UTF-8"}, true},
		{map[string]string{"LANG": "de_DE.ISO-8859-1"}, false},
	} {
		if got := UTF8(func(name string) string { return test.env[name] }); got != test.want {
			t.Errorf("%v: %v", test.env, got)
		}
	}
}

func TestInterval(t *testing.T) {
	for _, test := range []struct {
		now  time.Duration
		step int
		want time.Duration
	}{
		{2 * time.Second, 1, 5 * time.Second}, {2 * time.Second, -1, time.Second}, {3 * time.Second, 1, 5 * time.Second}, {3 * time.Second, -1, 2 * time.Second},
		{time.Hour, 1, time.Hour}, {time.Hour, -1, time.Minute}, {100 * time.Millisecond, -1, 100 * time.Millisecond},
	} {
		if got := interval(test.now, test.step); got != test.want {
			t.Errorf("%v %+d: %v, want %v", test.now, test.step, got, test.want)
		}
	}
}
