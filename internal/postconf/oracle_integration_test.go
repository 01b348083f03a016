//go:build integration

package postconf

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestOracle reads every directory of testdata/dirs, and the shipped one, as the postconf(1) of
// this host does.
func TestOracle(t *testing.T) {
	dirs, err := filepath.Glob("testdata/dirs/*")
	if err != nil || len(dirs) < 5 {
		t.Fatalf("%d directories in testdata/dirs: %v", len(dirs), err)
	}
	for _, dir := range append(dirs, "../../postfix") {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			p := Program{}
			defaults, err := p.Defaults(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			c, err := Open(dir, defaults)
			if err != nil {
				t.Fatal(err)
			}
			run := func(args ...string) string {
				out, err := p.Run(t.Context(), dir, args...)
				if err != nil {
					t.Fatal(err)
				}
				return out
			}
			compareMain(t, c, run("-n"), run("-x", "-n"))
			compareMain(t, c, run(), run("-x"))
			compareMaster(t, c, run("-M"))
			compareOverrides(t, c, run("-P"), run("-x", "-P"))
		})
	}
}

func compareMain(t *testing.T, c *Config, raw, expanded string) {
	t.Helper()
	for line := range strings.Lines(raw) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " = ")
		name = strings.TrimSuffix(name, " =")
		if got := c.View(nil).Get(name); folded(got.Raw) != value && !changes(name) {
			t.Errorf("%s as written: %q, postconf has %q", name, got.Raw, value)
		}
	}
	for line := range strings.Lines(expanded) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " = ")
		name = strings.TrimSuffix(name, " =")
		if got := c.View(nil).Get(name); (folded(got.Value) != value || got.Err != nil) && !changes(name) {
			t.Errorf("%s expanded: %q (%v), postconf -x has %q", name, got.Value, got.Err, value)
		}
	}
}

// folded is a text as postconf(1) prints it.
func folded(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(blanks, r) }), " ")
}

// changes tells what no two processes agree on.
func changes(name string) bool {
	return name == "process_id"
}

func compareMaster(t *testing.T, c *Config, out string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) != len(c.Master) {
		t.Fatalf("%d services, postconf -M has %d", len(c.Master), len(lines))
	}
	for i, line := range lines {
		words := splitWords(traced{text: line}, blanks)
		for f, want := range c.Master[i].Fields {
			if words[f].Text != want {
				t.Errorf("%s field %d: %q, postconf -M has %q", c.Master[i].ID(), f, want, words[f].Text)
			}
		}
		var args []string
		for _, word := range words[8:] {
			text, err := unbrace(word.traced())
			if err != nil {
				t.Fatal(err)
			}
			args = append(args, text.text)
		}
		if !slices.Equal(args, c.Master[i].Args) {
			t.Errorf("%s arguments: %q, postconf -M has %q", c.Master[i].ID(), c.Master[i].Args, args)
		}
	}
}

func compareOverrides(t *testing.T, c *Config, raw, expanded string) {
	t.Helper()
	seen := 0
	for n, out := range []string{raw, expanded} {
		for line := range strings.Lines(out) {
			where, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " =")
			value = strings.TrimPrefix(value, " ")
			parts := strings.SplitN(where, "/", 3)
			s := c.Service(parts[0], parts[1])
			if s == nil {
				t.Errorf("no service %s/%s", parts[0], parts[1])
				continue
			}
			got := c.View(s).Get(parts[2])
			if text := []string{got.Raw, got.Value}[n]; folded(text) != folded(value) {
				t.Errorf("%s: %q, postconf -P has %q", where, text, value)
			}
			seen++
		}
	}
	want := 0
	for _, s := range c.Master {
		names := map[string]bool{}
		for _, o := range s.Overrides {
			names[o.Name] = true
		}
		want += 2 * len(names)
	}
	if seen != want {
		t.Errorf("%d overrides, postconf -P has %d", want, seen)
	}
}

// TestUnknown compares what postconf(1) warns of.
func TestUnknown(t *testing.T) {
	dir := "testdata/dirs/odd"
	defaults, err := Program{}.Defaults(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Open(dir, defaults)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range c.Unknown() {
		names = append(names, entry.Name)
	}
	slices.Sort(names)
	want := unusedWarnings(t, dir)
	if len(want) == 0 || !slices.Equal(names, want) {
		t.Errorf("unknown: %q, postconf warns of %q", names, want)
	}
}

func unusedWarnings(t *testing.T, dir string) []string {
	t.Helper()
	complaints := filepath.Join(t.TempDir(), "stderr")
	script := "#!/bin/sh\nexec postconf \"$@\" 2>&1 >/dev/null\n"
	if err := os.WriteFile(complaints, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, option := range []string{"-n", "-P"} {
		out, err := Program{Path: complaints}.Run(t.Context(), dir, option)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out) {
			if _, rest, found := strings.Cut(line, "unused parameter: "); found {
				name, _, _ := strings.Cut(rest, "=")
				if !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
