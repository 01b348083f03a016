package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// document is one Markdown file of the repository, taken apart.
type document struct {
	path   string // from the root of the repository
	prose  string // the text with its fenced blocks as empty lines
	blocks []block
}

// block is a fenced block of a document.
type block struct {
	file    string
	line    int    // of its first line
	kind    string // the word behind the fence
	section string // the last heading before it
	text    string
}

// repository leads from the folder of the tests to its root.
const repository = "../.."

// documents are all Markdown files of the repository.
func documents(t *testing.T) []document {
	t.Helper()
	var found []document
	for _, pattern := range []string{"*.md", "*/*.md", "*/*/*.md", "*/*/*/*.md"} {
		paths, err := filepath.Glob(filepath.Join(repository, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if !strings.Contains(path, "testdata") {
				found = append(found, readDocument(t, path))
			}
		}
	}
	if len(found) < 20 {
		t.Fatalf("only %d documents found", len(found))
	}
	return found
}

func readDocument(t *testing.T, path string) document {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	name, err := filepath.Rel(repository, path)
	if err != nil {
		t.Fatal(err)
	}
	d := parseDocument(name, string(text))
	if strings.Contains(d.prose, "\n```") {
		t.Errorf("%s: a fence is not closed", name)
	}
	return d
}

// parseDocument takes a text apart. Fences stand at the beginning of a line;
// TestMarkdown holds the documents to that.
func parseDocument(name, text string) document {
	d := document{path: name}
	var prose strings.Builder
	var open *block
	section := ""
	number := 0
	for line := range strings.Lines(text) {
		number++
		bare := strings.TrimRight(line, "\n")
		switch {
		case open != nil && bare == "```":
			d.blocks = append(d.blocks, *open)
			open = nil
			prose.WriteByte('\n')
		case open != nil:
			open.text += line
			prose.WriteByte('\n')
		case strings.HasPrefix(bare, "```"):
			open = &block{file: name, line: number + 1, kind: strings.TrimSpace(bare[3:]), section: section}
			prose.WriteByte('\n')
		default:
			if title, found := strings.CutPrefix(bare, "## "); found {
				section = title
			}
			prose.WriteString(line)
		}
	}
	d.prose = prose.String()
	if open != nil {
		d.prose += "\n```"
	}
	return d
}

// kinds are the languages of blocks, with what a test without servers can say
// of one; dir is an empty folder. What it cannot say, docs_integration_test.go says for all blocks of
// the kind.
func kinds() map[string]func(b block, dir string) error {
	return map[string]func(b block, dir string) error{
		"sh":        checkShell,
		"console":   checkConsole,
		"yaml":      checkYAML,
		"main.cf":   checkMain,
		"master.cf": checkMaster,
		"postmap":   checkPostmap,
		"secrets":   checkSecrets,
		"zone":      checkZone,
		"sql":       checkSQL,
		"ini":       checkINI,
		"json":      checkJSON,
		"log":       checkLog,
		"text":      checkText,
	}
}

// TestBlocks checks every fenced block of every document.
func TestBlocks(t *testing.T) {
	known := kinds()
	var names []string
	for kind := range known {
		names = append(names, kind)
	}
	slices.Sort(names)
	n := 0
	for _, d := range documents(t) {
		for _, b := range d.blocks {
			n++
			check, found := known[b.kind]
			if !found {
				t.Errorf("%s:%d: a block of the unknown kind %q: tag it with one of %s, or teach kinds() in docs_test.go another",
					b.file, b.line, b.kind, strings.Join(names, ", "))
				continue
			}
			if err := check(b, t.TempDir()); err != nil {
				t.Errorf("%s:%d: %v\n%s", b.file, b.line, err, b.text)
			}
		}
	}
	if n < 60 {
		t.Errorf("only %d blocks found", n)
	}
}

// blocksOf are the blocks of one kind in all documents.
func blocksOf(t *testing.T, kind string) []block {
	t.Helper()
	var found []block
	for _, d := range documents(t) {
		for _, b := range d.blocks {
			if b.kind == kind {
				found = append(found, b)
			}
		}
	}
	return found
}

// codeSpans are the texts between backquotes in a prose, each in one line.
func codeSpans(prose string) []string {
	var spans []string
	for _, paragraph := range regexp.MustCompile(`\n\s*\n`).Split(prose, -1) {
		for _, m := range regexp.MustCompile("(?s)``(.+?)``|`([^`]+)`").FindAllStringSubmatch(paragraph, -1) {
			spans = append(spans, strings.Join(strings.Fields(m[1]+m[2]), " "))
		}
	}
	return spans
}

// TestDocumentParser: blocks are found where they are, and prose without them.
func TestDocumentParser(t *testing.T) {
	d := parseDocument("x.md", "# X\n\ntext `a\nb`\n\n## Y\n\n```sh\npostern `x`\n```\n\n`c`\n")
	want := block{file: "x.md", line: 9, kind: "sh", section: "Y", text: "postern `x`\n"}
	if len(d.blocks) != 1 || d.blocks[0] != want {
		t.Errorf("blocks %+v, want %+v", d.blocks, want)
	}
	if got := codeSpans(d.prose); !slices.Equal(got, []string{"a b", "c"}) {
		t.Errorf("spans %q", got)
	}
	if d := parseDocument("x.md", "```sh\nopen\n"); !strings.Contains(d.prose, "\n```") {
		t.Error("an open fence is not seen")
	}
}
