package srsd

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"postern/internal/lookup"
	"postern/srsd/srs"
)

// vector is one question of testdata/vectors.txt.
type vector struct {
	line      int
	options   []string
	direction string
	key       string
	classic   string
	modern    string
}

// readVectors reads testdata/vectors.txt.
func readVectors(t *testing.T) []vector {
	t.Helper()
	f, err := os.Open("testdata/vectors.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var vectors []vector
	var options []string
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		direction, rest, _ := strings.Cut(line, " ")
		switch {
		case line == "", strings.HasPrefix(line, "#"):
		case direction == "options":
			options = strings.Fields(rest)
		case direction == "F", direction == "R":
			vectors = append(vectors, vector{line: n, options: options, direction: direction, key: rest})
		case strings.HasPrefix(line, "\t") && vectors[len(vectors)-1].classic == "":
			vectors[len(vectors)-1].classic = line[1:]
		case strings.HasPrefix(line, "\t"):
			vectors[len(vectors)-1].modern = line[1:]
		default:
			t.Fatalf("vectors.txt:%d: %q", n, line)
		}
	}
	return vectors
}

// TestVectors asks both faces every question of the file.
func TestVectors(t *testing.T) {
	vectors := readVectors(t)
	if len(vectors) < 60 {
		t.Fatalf("only %d vectors were read", len(vectors))
	}
	for _, v := range vectors {
		t.Run(fmt.Sprintf("line %d", v.line), func(t *testing.T) {
			want := v.modern
			if want == "same" {
				want = strings.NewReplacer("200 ", "OK ", "500 ", "NOTFOUND ").Replace(v.classic[:4]) + v.classic[4:]
			}
			compare(t, v.key, ask(t, v, modernOf(t, v)), want)
			if v.classic != "-" {
				compare(t, v.key, ask(t, v, classicOf(t, v)), v.classic)
			}
		})
	}
}

func compare(t *testing.T, key, got, want string) {
	t.Helper()
	if word, any := strings.CutSuffix(want, " *"); any {
		got, _, _ = strings.Cut(got, " ")
		want = word
	}
	if got != want {
		t.Errorf("%q:\n got %q\nwant %q", key, got, want)
	}
}

// face is what an options line asks for, in one generation.
type face struct {
	forward, reverse              lookup.Map
	found, missing, trouble, ever string
}

func ask(t *testing.T, v vector, f face) string {
	t.Helper()
	m := f.forward
	if v.direction == "R" {
		m = f.reverse
		if strings.Contains(strings.Join(v.options, " "), "database") {
			if _, _, err := f.forward.Lookup(context.Background(), "test@otherdomain.com"); err != nil {
				t.Fatal(err)
			}
		}
	}
	value, found, err := m.Lookup(context.Background(), v.key)
	switch {
	case lookup.IsPermanent(err):
		return f.ever + " " + err.Error()
	case err != nil:
		return f.trouble + " " + err.Error()
	case !found:
		return f.missing + " " + value
	}
	return f.found + " " + value
}

func classicOf(t *testing.T, v vector) face {
	o, e := engineOf(t, v, srs.Base64)
	excluded := func(address string) bool {
		_, domain, _ := strings.Cut(address, "@")
		return domains(o.local).Contains(domain)
	}
	c := Classic{Engine: e, Excluded: excluded, Always: o.always}
	return face{c.Forward(), c.Reverse(), "200", "500", "400", "400"}
}

func modernOf(t *testing.T, v vector) face {
	o, e := engineOf(t, v, srs.Base64URL)
	e.Local, e.Alias = domains(o.local), testAlias
	if o.database {
		e.Envelope, e.Store = Database, newMemory()
	}
	m := Modern{Engine: e, Always: o.always}
	return face{m.Forward(), m.Reverse(), "OK", "NOTFOUND", "TEMP", "PERM"}
}

// settings are an options line.
type settings struct {
	srs.Options
	secrets          []Secret
	local            []string
	always, database bool
	clock            int64
}

func engineOf(t *testing.T, v vector, alphabet srs.Alphabet) (settings, *Engine) {
	t.Helper()
	o := settings{Options: srs.Options{Domain: "example.com", Alphabet: alphabet, MaxLength: 1023}, clock: 1577836860}
	for _, option := range v.options {
		name, value, _ := strings.Cut(option, "=")
		switch name {
		case "always":
			o.always = true
		case "database":
			o.database = true
		case "secret":
			o.secrets = append(o.secrets, Secret{Text: []byte(strings.ReplaceAll(value, `\x20`, " "))})
		case "local":
			o.local = append(o.local, value)
		case "separator":
			o.Separator = value[0]
		case "length":
			o.HashLength = number(t, value)
		case "clock":
			o.clock = int64(number(t, value))
		default:
			t.Fatalf("line %d: unknown option %q", v.line, option)
		}
	}
	if o.secrets == nil {
		o.secrets = []Secret{{Text: []byte("tops3cr3t")}}
	}
	rewriter, err := srs.New(o.Options)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(o.clock, 0)
	return o, &Engine{Rewriter: rewriter, Ring: NewRing(o.secrets), Domain: o.Domain, Now: func() time.Time { return now }}
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
