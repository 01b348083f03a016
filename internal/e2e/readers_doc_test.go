//go:build integration

package e2e

import (
	"os"
	"strings"
	"testing"
)

// readerDoc is a section of docs/readers.md: what such a host had, and what it
// has with postern. A block is known by its first line.
type readerDoc struct {
	title  string
	blocks map[string]string
}

// readReader takes a section of the manual apart.
func readReader(t *testing.T, title string) readerDoc {
	t.Helper()
	text, err := os.ReadFile("../../docs/readers.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## "+title+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	if !found {
		t.Fatalf("docs/readers.md: no section %q", title)
	}
	doc := readerDoc{title, map[string]string{}}
	for i, block := range strings.Split(section, "\n```") {
		if i%2 == 0 {
			continue // text between blocks
		}
		_, block, _ = strings.Cut(block, "\n") // behind the word that names the language
		name, rest, _ := strings.Cut(block, "\n")
		doc.blocks[strings.TrimPrefix(name, "# ")] = rest + "\n"
	}
	return doc
}

// block is the block that begins with a name, with names and addresses of the
// manual in place of which are those of the test.
func (d readerDoc) block(t *testing.T, name string, replace ...string) string {
	t.Helper()
	text, found := d.blocks[name]
	if !found {
		t.Fatalf("docs/readers.md, %s: no block %q", d.title, name)
	}
	for i := 0; i < len(replace); i += 2 {
		if replace[i] == replace[i+1] {
			t.Fatalf("%q is replaced by itself", replace[i])
		}
	}
	return strings.NewReplacer(replace...).Replace(text)
}

// TestReadersManual: the blocks of a section are those that its test reads, so
// that nothing is shown which no test runs.
func TestReadersManual(t *testing.T) {
	want := map[string][]string{
		"A mailbox host after ISPmail": {"postern.yaml", "main.cf, before", "main.cf", "master.cf, before", "master.cf"},
		"A small host with files":      {"postern.yaml", "main.cf, before", "main.cf", "/mail/addresses"},
		"An MTA behind postscreen":     {"postern.yaml", "main.cf, before", "main.cf", "master.cf"},
		"A local relay":                {"postern.yaml", "main.cf, before", "main.cf", "master.cf"},
	}
	for title, names := range want {
		doc := readReader(t, title)
		for _, name := range names {
			if doc.block(t, name) == "\n" {
				t.Errorf("%s: block %q is empty", title, name)
			}
		}
		if len(doc.blocks) != len(names) {
			t.Errorf("%s: %d blocks, the tests run %d", title, len(doc.blocks), len(names))
		}
	}
}
