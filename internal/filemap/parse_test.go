package filemap

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"postern/internal/lookup"
)

// TestParse reads testdata/parse/NAME and compares what it says, entries and
// complaints, with NAME.want.
func TestParse(t *testing.T) {
	files, err := filepath.Glob("testdata/parse/*.want")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test files: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(file, ".want")
		t.Run(filepath.Base(name), func(t *testing.T) {
			got := describe(parse(readFile(t, name)))
			if want := readFile(t, file); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func describe(c *content) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(c.entries)) {
		fmt.Fprintf(&b, "%q -> %q\n", key, c.entries[key])
	}
	for _, told := range c.complaints {
		what := "warned"
		if told.skipped {
			what = "skipped"
		}
		fmt.Fprintf(&b, "line %d %s: %s\n", told.line, what, told.text)
	}
	return b.String()
}

// Cases that a text file would show badly.
func TestParseBytes(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"empty":                 {"", ""},
		"only line feeds":       {"\n\n\n", ""},
		"no line feed at end":   {"a 1", `"a" -> "1"` + "\n"},
		"CRLF":                  {"a 1\r\n# c\r\n\r\nb 2\r\n\tmore\r\n", `"a" -> "1"` + "\n" + `"b" -> "2\r\tmore"` + "\n"},
		"vertical white space":  {"a\v1\f\nb\r2\n", `"a" -> "1"` + "\n" + `"b" -> "2"` + "\n"},
		"no-break space":        {"a\u00a0b 1\n", `"a\u00a0b" -> "1"` + "\n"},
		"NUL":                   {"a 1\x00\nb 2\n", `"b" -> "2"` + "\nline 1 skipped: NUL byte: this is not a text file\n"},
		"invalid UTF-8":         {"a 1\nb \xff\n", `"a" -> "1"` + "\nline 2 skipped: not valid UTF-8: \"b \\xff\"\n"},
		"backslash at the end":  {"a\\", "line 1 skipped: key \"a\\\\\" has no value: expected format: key whitespace value\n"},
		"trailing white space":  {"a 1 \t\v\f\r \n", `"a" -> "1"` + "\n"},
		"comment ends the file": {"a 1\n#", `"a" -> "1"` + "\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := describe(parse(tt.text)); got != tt.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, tt.want)
			}
		})
	}
}

func TestParseBoundsComplaints(t *testing.T) {
	c := parse(strings.Repeat("key: value\n", 1000) + "no-value\n" + strings.Repeat("\x00\n", 1000))
	if len(c.complaints) != maxComplaints || c.more != 1000+999+1+1000-maxComplaints {
		t.Errorf("kept %d complaints and counted %d", len(c.complaints), c.more)
	}
	if c.skipped == nil || c.skipped.line != 1001 {
		t.Errorf("first skipped line is %+v, want 1001", c.skipped)
	}
	long := parse(strings.Repeat("k", 1<<20))
	if n := len(long.complaints[0].text); n > 1000 {
		t.Errorf("a complaint of %d bytes", n)
	}
}

// printed writes entries so that parse reads the same.
func printed(entries map[string]string) string {
	var b strings.Builder
	for key, value := range entries {
		b.WriteString(key + "\t" + value + "\n")
	}
	return b.String()
}

func seeds() []string {
	return []string{
		"", "a 1\n", "a\n 1\n  2\n", "# c\n \na 1\n#c\n b\n", " a 1\nb 2\n", "\"john doe\"@x  y\n", "\"open 1\n",
		`a\ b 1`, `a\`, "A 1\na 2\n", "key: value\n", "a 1\r\n b\r\n", "Straße@x ß\n", "a \xff\n", "a\x00b c\n", "a #b\n", "a\v\f1",
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range seeds() {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := parse(text)
		for key, value := range c.entries {
			if key == "" || value == "" || !utf8.ValidString(key+value) || strings.Contains(key+value, "\n") {
				t.Errorf("entry %q -> %q", key, value)
			}
			if lookup.Fold(key) != key {
				t.Errorf("key %q is not folded", key)
			}
		}
		again := parse(printed(c.entries))
		if !maps.Equal(c.entries, again.entries) || again.skipped != nil {
			t.Errorf("read %q\nprinted and read again %q, skipped %v", c.entries, again.entries, again.skipped)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	var text strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&text, "user%d@example.com\tsomeone%d@example.net\n", i, i)
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		parse(text.String())
	}
}
