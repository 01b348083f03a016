//go:build integration

package filemap

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"postern/internal/lookup"
	"postern/internal/lookup/lookuptest"
)

// postmap runs the program of that name over texthash: tables, in a scratch
// configuration that is Postfix's default, SMTPUTF8 included.
type postmap struct {
	*testing.T
	config string
	table  string
}

func newPostmap(t *testing.T) *postmap {
	t.Helper()
	if _, err := exec.LookPath("postmap"); err != nil {
		t.Fatalf("Postfix is not installed: %v", err)
	}
	config := t.TempDir()
	if err := os.WriteFile(filepath.Join(config, "main.cf"), []byte("compatibility_level = 3.6\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return &postmap{T: t, config: config, table: filepath.Join(t.TempDir(), "table")}
}

// write makes the table, old enough for nobody to wait for it.
func (p *postmap) write(text string) {
	p.Helper()
	if err := os.WriteFile(p.table, []byte(text), 0o644); err != nil {
		p.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(p.table, old, old); err != nil {
		p.Fatal(err)
	}
}

// run returns the lines that postmap answers, a key, a TAB and its value, and
// its warnings.
func (p *postmap) run(stdin string, args ...string) (answers []string, warnings string) {
	p.Helper()
	cmd := exec.CommandContext(p.Context(), "postmap", append([]string{"-c", p.config}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && strings.Contains(stderr.String(), "fatal") {
		p.Fatalf("postmap: %v\n%s", err, stderr.String())
	}
	return slices.Sorted(strings.Lines(stdout.String())), stderr.String()
}

// wantSame compares all entries that postmap and the map make of a text, and
// how many lines they complain of.
func (p *postmap) wantSame(text string) {
	p.Helper()
	p.write(text)
	theirs, warnings := p.run("", "-s", "texthash:"+p.table)
	m, err := Open(p.table, Options{})
	if err != nil {
		p.Fatal(err)
	}
	c := m.current.Load()
	ours := slices.Sorted(strings.Lines(printed(c.entries)))
	if !slices.Equal(ours, theirs) {
		p.Errorf("%q\nread here:  %q\nby postmap: %q\n%s", text, ours, theirs, warnings)
	}
	told := strings.Count(warnings, "warning:")
	if complaints := len(c.complaints) + c.more; complaints != told {
		p.Errorf("%q\n%d complaints here, postmap has %d:\n%s", text, complaints, told, warnings)
	}
}

func TestPostmapReadsTheSame(t *testing.T) {
	p := newPostmap(t)
	for _, name := range []string{"good", "faulty"} {
		p.wantSame(readFile(t, "testdata/parse/"+name))
	}
	for _, seed := range seeds() {
		if !strings.Contains(seed, "\x00") { // the one case where we differ, on purpose
			p.wantSame(seed)
		}
	}
}

// Texts made of what the format gives a meaning to.
func TestPostmapReadsTheSameByChance(t *testing.T) {
	p := newPostmap(t)
	parts := []string{
		" ", " ", "\t", "\n", "\n", "\n", "\r\n", "\v", "\f", "#", `"`, `"`, `\`, ":", "a", "B", "c 1\n", "d\t2\n", "@x", "é", "ß", "É", "\xff",
		"\u00a0", "\u2028", "key value\n", "\n more", "\n# c\n", "\n \n",
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var text strings.Builder
		for range 1 + random.IntN(40) {
			text.WriteString(parts[random.IntN(len(parts))])
		}
		p.wantSame(text.String())
	}
}

// The same answer, found or not, for keys that strangers send.
func TestPostmapAnswersTheSame(t *testing.T) {
	p := newPostmap(t)
	var text, keys strings.Builder
	asked := map[string]bool{}
	for i, key := range lookuptest.OddKeys() {
		if !strings.ContainsAny(key, "\x00\n") && i%4 != 0 {
			text.WriteString(key + "\tvalue of this key\n")
		}
		if !strings.ContainsAny(key, "\x00\n\t") { // what fits on a line of postmap's input and output
			asked[key] = true
		}
	}
	for _, key := range []string{"User@Example.COM", "STRASSE", "Straße", "JÖRG@Exämple.com"} {
		text.WriteString(strings.ToLower(key) + "\tvalue in lower case\n")
		asked[key] = true
	}
	for key := range asked {
		keys.WriteString(key + "\n")
	}
	p.write(text.String())
	answers, _ := p.run(keys.String(), "-q", "-", "texthash:"+p.table)
	m, err := Open(p.table, Options{})
	if err != nil {
		t.Fatal(err)
	}
	theirs := map[string]string{}
	for _, line := range answers {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		theirs[key] = value
	}
	found := 0
	for key := range asked {
		value, ok, err := m.Lookup(t.Context(), lookup.Fold(key))
		want, wanted := theirs[key]
		if err != nil || ok != wanted || value != want {
			t.Errorf("%.80q: got %q, %v, %v, postmap says %q, %v", key, value, ok, err, want, wanted)
		}
		if ok {
			found++
		}
		if ok && !utf8.ValidString(key) {
			t.Errorf("%.80q: found", key)
		}
	}
	if found < 20 || found == len(asked) {
		t.Errorf("%d of %d keys were found: this compares little", found, len(asked))
	}
}
