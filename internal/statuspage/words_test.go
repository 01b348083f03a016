package statuspage

import (
	"strings"
	"testing"
	"time"

	"postern/internal/status"
)

func TestWords(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{count(0), "0"}, {count(999), "999"}, {count(1000), "1,000"}, {count(1234567.4), "1,234,567"}, {count(-1234), "-1,234"}, {count(-123), "-123"},
		{few(0), "0"}, {few(0.004), "<0.01"}, {few(0.25), "0.25"}, {few(12.34), "12.3"}, {few(10), "10"}, {few(12345), "12,345"},
		{percent(0), "0 %"}, {percent(0.987), "98.7 %"}, {percent(1), "100 %"},
		{took(0), "–"}, {took(0.000007), "7 µs"}, {took(0.0123), "12.3 ms"}, {took(3), "3 s"},
		{ago(-time.Hour), "0 s"}, {ago(119 * time.Second), "119 s"}, {ago(2 * time.Minute), "2 min"}, {ago(2*time.Hour + 5*time.Minute), "2 h 5 min"}, {ago(50 * time.Hour), "2 days"},
	} {
		if test.got != test.want {
			t.Errorf("%q, want %q", test.got, test.want)
		}
	}
}

func TestTablesSayWhenTheyWereCurrent(t *testing.T) {
	for want, table := range map[string]status.Table{
		"75 s ago":      {Loaded: true, Age: 75},
		"never":         {},
		"asked per key": {PerKey: true},
	} {
		if got := current(table); got != want {
			t.Errorf("%+v: %q, want %q", table, got, want)
		}
	}
}

func TestSparks(t *testing.T) {
	for _, test := range []struct {
		values []float64
		top    float64
		line   string
	}{
		{nil, 0, ""},
		{[]float64{0, 0}, 0, "180.0,46.0 240.0,46.0"},
		{[]float64{1, 3, 2, 9, 0}, 4, "0.0,35.0 60.0,13.0 120.0,24.0 180.0,2.0 240.0,46.0"},
		{[]float64{-5, 4}, 4, "180.0,46.0 240.0,2.0"},
	} {
		if got := sparkOf(test.values, test.top, 5).Line; got != test.line {
			t.Errorf("%v: %s, want %s", test.values, got, test.line)
		}
	}
}

func TestVerdict(t *testing.T) {
	for _, test := range []struct {
		shot  status.Snapshot
		state status.State
		text  string
	}{
		{status.Snapshot{}, status.Good, "All is well"},
		{status.Snapshot{Health: []status.Health{{Name: "a", State: status.Poor}}}, status.Poor, "needs a look: a"},
		{busy(), status.Bad, "Mail is affected: redis"},
		{status.Snapshot{NotReady: "the bans are not loaded"}, status.Bad, "cannot be answered: the bans are not loaded"},
	} {
		if state, text := verdict(test.shot); state != test.state || !strings.Contains(text, test.text) {
			t.Errorf("%s %q, want %s %q", state, text, test.state, test.text)
		}
	}
}

func TestTheBadComesFirst(t *testing.T) {
	rows, fine := sorted(append(busy().Health, status.Health{Name: "srs store", State: status.Good, Text: "was not asked yet"}))
	var names []string
	for _, h := range rows {
		names = append(names, h.Name)
	}
	if got, want := strings.Join(names, "; "), "redis 192.0.2.6:6379; database 192.0.2.5/maildb; srs store"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := strings.Join(fine, "; "), "policy; tables alias, domain"; got != want {
		t.Errorf("fine: %s, want %s", got, want)
	}
}
