package dkim

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckDomain(t *testing.T) {
	for name, good := range map[string]bool{
		"example.org": true, "a.b-c.example.org": true, "xn--bcher-kva.example": true, "1.example": true,
		"": false, "org": false, "Example.org": false, "bücher.example": false, "../etc": false, "..": false, ".": false,
		"a/b.example": false, "a..example": false, ".example.org": false, "example.org.": false, "-a.example": false,
		"a-.example": false, "a b.example": false, "a\nb.example": false, "a:b.example": false, "*.example": false,
		"a_b.example": false, "a%.example": false, "a#.example": false, "\x00.example": false,
		strings.Repeat("a", 63) + ".example": true, strings.Repeat("a", 64) + ".example": false,
		strings.Repeat("a.", 126) + "a": true, strings.Repeat("a.", 127) + "a": false,
	} {
		if err := CheckDomain(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestCoversDomain(t *testing.T) {
	for _, c := range []struct {
		pattern string
		covers  bool
	}{
		{"*@example.org", true}, {"*@EXAMPLE.org", true}, {"*", true}, {"*@*", true}, {"*@*.org", true}, {"*example.org", true},
		{"**@example.org", true}, {"*@ex*org", true}, {"*org", true},
		{"chief@example.org", false}, {"a*@example.org", false}, {"*@example.net", false}, {"*@sub.example.org", false},
		{"*@*.example.org", false}, {"example.org", false}, {"@example.org", false}, {"*ample.or", false}, {"*@ex*or", false},
		{"*@example.org*org", false}, {"", false},
	} {
		if got := coversDomain(c.pattern, "example.org"); got != c.covers {
			t.Errorf("%q covers example.org: %v", c.pattern, got)
		}
	}
}

func TestTable(t *testing.T) {
	read := func(t *testing.T, text string) (*table, error) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "SigningTable")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return readTable(path)
	}
	ours := []line{{key: "*@example.org", value: "mail._domainkey.example.org"}}
	block := "# BEGIN postern dkim sync, selector mail: rewritten by each run; write lines of your own above or below\n" +
		"*@example.org mail._domainkey.example.org\n# END postern dkim sync\n"
	t.Run("written", func(t *testing.T) {
		for before, after := range map[string]string{
			"":                                  block,
			"a b\n":                             "a b\n" + block,
			"no newline":                        "no newline\n" + block,
			"# c\r\n\n \t\n\xff x\n":            "# c\r\n\n \t\n\xff x\n" + block,
			block:                               block,
			"a b\n" + block + "c d":             "a b\n" + block + "c d",
			strings.Replace(block, "*", "x", 1): block,
		} {
			table, err := read(t, before)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(table.render("mail", ours)); got != after {
				t.Errorf("%q became %q", before, got)
			}
		}
	})
	t.Run("read", func(t *testing.T) {
		table, err := read(t, "*@a.test  x # comment\n#*@b.test x\n"+block+"*@c.test\ty:%\n")
		if err != nil {
			t.Fatal(err)
		}
		if table.selector != "mail" || len(table.foreign) != 2 || len(table.ours) != 1 || table.foreign[1].value != "y:%" {
			t.Errorf("%+v", table)
		}
		if _, ok := table.covers("a.test"); !ok {
			t.Error("a line above does not cover")
		}
		if _, ok := table.covers("c.test"); ok {
			t.Error("a line below covers")
		}
		if _, ok := table.covers("b.test"); ok {
			t.Error("a comment covers")
		}
	})
	t.Run("marks", func(t *testing.T) {
		for _, text := range []string{
			"# END postern dkim sync\n", "# BEGIN postern dkim sync, selector x\na b\n", block + block,
			block + "# END postern dkim sync\n", "# BEGIN postern dkim sync, selector x\n" + block,
		} {
			var marks *MarkError
			if _, err := read(t, text); !errors.As(err, &marks) || !strings.Contains(err.Error(), "SigningTable:") {
				t.Errorf("%q: %v", text, err)
			}
		}
	})
	t.Run("a folder", func(t *testing.T) {
		if _, err := readTable(t.TempDir()); err == nil {
			t.Error("no error")
		}
	})
}

// FuzzTable: whatever a table holds, the lines of others stay, and a second run
// changes nothing.
func FuzzTable(f *testing.F) {
	f.Add([]byte("a b\n"))
	f.Add([]byte("x\n# BEGIN postern dkim sync, selector mail: x\na b\n# END postern dkim sync\ny"))
	f.Add([]byte("# END postern dkim sync\n\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		first := &table{path: "t", text: text}
		if first.parse() != nil {
			return
		}
		ours := []line{{key: "*@example.org", value: "mail._domainkey.example.org"}}
		once := first.render("mail", ours)
		second := &table{path: "t", text: once}
		if err := second.parse(); err != nil {
			t.Fatalf("%q: %v", once, err)
		}
		if string(second.render("mail", ours)) != string(once) {
			t.Errorf("%q is not rewritten as it is", once)
		}
		if len(second.foreign) != len(first.foreign) || second.selector != "mail" || len(second.ours) != 1 {
			t.Errorf("%q became %q", text, once)
		}
	})
}
