package manual

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postern/internal/config"
)

const base = "../../postfix/postern.yaml"

// example is the commented example, line by line.
func example(t *testing.T) []string {
	t.Helper()
	given, err := os.ReadFile(base)
	if err != nil {
		t.Fatal(err)
	}
	text, err := Example(settings(t), given)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(text), "\n")
}

func load(lines []string) (*config.Config, error) {
	return config.Parse("/etc/postern/postern.yaml", []byte(strings.Join(lines, "\n")))
}

// values are the settings of a configuration, without the file that it came from.
func values(t *testing.T, c *config.Config) string {
	t.Helper()
	text, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), ": []", ": null") // both are no entries
}

// TestExampleIsTheShippedConfiguration: as it stands it means the same.
func TestExampleIsTheShippedConfiguration(t *testing.T) {
	shipped, err := os.ReadFile(base)
	if err != nil {
		t.Fatal(err)
	}
	want, err := load(strings.Split(string(shipped), "\n"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := load(example(t))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := values(t, got), values(t, want); got != want {
		t.Errorf("the example means\n%s\nthe shipped one\n%s", got, want)
	}
}

// row is one line of the example that holds a setting or an entry.
type row struct {
	line     int
	path     string
	depth    int
	out      bool   // commented out
	bare     string // without its #
	required bool
	example  bool // its value is no default
}

// rows are the lines that hold settings.
func rows(lines []string) (all []row) {
	commented := regexp.MustCompile(`^( *)#( *)([^# ].*)$`)
	required := regexp.MustCompile(`^ *## +Required\. `)
	pending := false
	var parents []row
	for i, line := range lines {
		if strings.Contains(line, "##") || strings.TrimSpace(line) == "" {
			pending = line != "" && (pending || required.MatchString(line))
			continue
		}
		r := row{line: i, bare: line, required: pending, example: strings.Contains(line, "# example")}
		if r.out = commented.MatchString(line); r.out {
			r.bare = commented.ReplaceAllString(line, "$1$2$3")
		}
		r.depth = len(r.bare) - len(strings.TrimLeft(r.bare, " "))
		for len(parents) > 0 && parents[len(parents)-1].depth >= r.depth {
			parents = parents[:len(parents)-1]
		}
		r.path, _, _ = strings.Cut(strings.TrimSpace(r.bare), ":")
		if len(parents) > 0 {
			r.path = parents[len(parents)-1].path + "." + r.path
		}
		parents = append(parents, r)
		all, pending = append(all, r), false
	}
	return all
}

// with are the lines without the # of some rows.
func with(lines []string, rows []row, which func(row) bool) []string {
	out := slices.Clone(lines)
	for _, r := range rows {
		if r.out && which(r) {
			out[r.line] = r.bare
		}
	}
	return out
}

// within reports whether the setting a is b or in the block b.
func within(a, b string) bool { return a == b || strings.HasPrefix(a, b+".") }

// TestEveryCommentedSettingIsAccepted takes the # of each one away, one at a
// time, and of what it needs: the blocks around it, and what is required there.
// A default changes nothing then.
func TestEveryCommentedSettingIsAccepted(t *testing.T) {
	lines := example(t)
	before, err := load(lines)
	if err != nil {
		t.Fatal(err)
	}
	stated := map[string]bool{}
	Walk(settings(t), func(s Setting) { stated[s.Path] = s.Stated })
	all, count := rows(lines), 0
	for _, r := range all {
		if !r.out {
			continue
		}
		count++
		needed := func(o row) bool {
			parent := o.path[:max(0, strings.LastIndexByte(o.path, '.'))]
			return within(r.path, o.path) || o.required && within(r.path, parent) || needsEntries(all, r, o)
		}
		block := slices.ContainsFunc(all, func(o row) bool { return o.path != r.path && within(o.path, r.path) })
		ways := map[string]func(row) bool{"alone": needed}
		if block {
			ways["with all that it has"] = func(o row) bool { return needed(o) || within(o.path, r.path) }
		}
		for what, which := range ways {
			after, err := load(with(lines, all, which))
			if err != nil {
				t.Errorf("line %d, %s: %s\n%v", r.line+1, what, r.bare, err)
				continue
			}
			_, setting := stated[r.path]
			if setting && !stated[r.path] && !r.example && !block && values(t, after) != values(t, before) {
				t.Errorf("line %d: %s is no default: the configuration changes", r.line+1, r.bare)
			}
		}
	}
	if count < 80 {
		t.Errorf("only %d lines are commented out", count)
	}
}

// needsEntries reports whether o is an entry of what is required beside r.
func needsEntries(all []row, r, o row) bool {
	return slices.ContainsFunc(all, func(q row) bool {
		parent := q.path[:max(0, strings.LastIndexByte(q.path, '.'))]
		return q.required && parent != "" && within(r.path, parent) && within(o.path, q.path)
	})
}

// TestSameBytes: two runs write the same.
func TestSameBytes(t *testing.T) {
	first := strings.Join(example(t), "\n")
	for range 5 {
		if again := strings.Join(example(t), "\n"); again != first {
			t.Fatal("the example is another one each time")
		}
	}
	given, err := os.ReadFile(base)
	if err != nil {
		t.Fatal(err)
	}
	date, err := Date("1700000000")
	if err != nil {
		t.Fatal(err)
	}
	one, err := SettingsPage(configSource, given, date)
	if err != nil {
		t.Fatal(err)
	}
	two, err := SettingsPage(configSource, given, date)
	if err != nil || !bytes.Equal(one, two) {
		t.Errorf("the page is another one each time: %v", err)
	}
}
