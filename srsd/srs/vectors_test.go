package srs

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// vector is a line of a table in testdata, whose head explains the columns.
type vector struct {
	name    string
	forward bool
	clock   time.Time
	keys    Keys
	options Options
	given   string
	want    string
}

func TestVectors(t *testing.T) {
	for _, file := range []string{"testdata/vectors.tsv", "testdata/odd.tsv"} {
		t.Run(file, func(t *testing.T) {
			vectors := readVectors(t, file)
			if len(vectors) < 50 {
				t.Errorf("%d vectors are too few: has the table lost lines?", len(vectors))
			}
			for _, v := range vectors {
				t.Run(v.name, v.check)
			}
		})
	}
}

func (v vector) check(t *testing.T) {
	r, err := New(v.options)
	if err != nil {
		t.Fatal(err)
	}
	do := r.Reverse
	if v.forward {
		do = r.Forward
	}
	got, err := do(v.keys, v.clock, v.given)
	if refusal, refused := strings.CutPrefix(v.want, "! "); refused {
		if !errors.Is(err, Error(refusal)) || got != "" {
			t.Errorf("%s: got %q, %v, want the refusal %q", v.given, got, err, refusal)
		}
		return
	}
	if got != v.want || err != nil {
		t.Errorf("%s: got %s, %v, want %s", v.given, got, err, v.want)
	}
}

func readVectors(t testing.TB, file string) []vector {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	for n, line := range strings.Split(string(text), "\n") {
		if line == "" || strings.HasPrefix(line, "# ") {
			continue
		}
		column := strings.Split(line, "\t")
		if len(column) != 7 {
			t.Fatalf("%s:%d: %d columns, want 7", file, n+1, len(column))
		}
		clock, err := time.Parse(time.RFC3339, column[2])
		if err != nil {
			t.Fatalf("%s:%d: %v", file, n+1, err)
		}
		vectors = append(vectors, vector{
			name:    column[0] + " " + column[1],
			forward: column[1] == "F",
			clock:   clock,
			keys:    keysOf(strings.Split(column[3], "|")...),
			options: readOptions(t, column[4]),
			given:   column[5],
			want:    column[6],
		})
	}
	return vectors
}

func readOptions(t testing.TB, text string) Options {
	t.Helper()
	o := Options{Domain: "example.com"}
	for _, word := range strings.Fields(text) {
		name, value, _ := strings.Cut(word, "=")
		number, _ := strconv.Atoi(value)
		switch name {
		case "std":
			o.Alphabet = Base64
		case "sep":
			o.Separator = value[0]
		case "len":
			o.HashLength = number
		case "min":
			o.HashMinimum = number
		case "early":
			o.Early = number
		case "-":
		default:
			t.Fatalf("no option is named %q", name)
		}
	}
	return o
}

func keysOf(secrets ...string) Keys {
	var keys Keys
	for _, s := range secrets {
		keys = append(keys, NewKey([]byte(s)))
	}
	return keys
}

func mustNew(t testing.TB, o Options) *Rewriter {
	t.Helper()
	if o.Domain == "" {
		o.Domain = "example.com"
	}
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// newYear is the clock of most tests: its stamp is 2W, yesterday's 2V.
func newYear() time.Time {
	return time.Date(2020, 1, 1, 0, 1, 0, 0, time.UTC)
}
