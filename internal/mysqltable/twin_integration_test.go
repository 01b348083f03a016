//go:build integration

package mysqltable

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"postern/internal/lookup"
	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
	"postern/internal/store"
)

// twin asks postmap(1) and a table of ours the same.
type twin struct {
	db     *scratch.MariaDB
	dir    string // with a main.cf
	pools  *store.Pools
	tables map[string]lookup.Map
	files  int // written so far
}

// newTwin starts a server with the tables of testdata/schema.sql.
func newTwin(t testing.TB) *twin {
	t.Helper()
	return newTwinOf(t, scratch.MariaDBOptions{})
}

func newTwinOf(t testing.TB, opts scratch.MariaDBOptions) *twin {
	t.Helper()
	schema, err := filepath.Abs("testdata/schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	w := &twin{db: scratchtest.MariaDB(t, opts), dir: t.TempDir()}
	if err := w.db.Load(t.Context(), schema); err != nil {
		t.Fatal(err)
	}
	if err := w.db.Exec(t.Context(), keyRows()); err != nil {
		t.Fatal(err)
	}
	w.write(t, "main.cf", "compatibility_level = 3.6\n")
	w.reconnect(t)
	return w
}

// reconnect drops our connections, so that new global variables count.
func (w *twin) reconnect(t testing.TB) {
	t.Helper()
	if w.pools != nil {
		w.pools.Close()
	}
	pools := store.NewPools(store.NewMetrics(nil))
	w.pools, w.tables = pools, map[string]lookup.Map{}
	t.Cleanup(func() { pools.Close() })
}

// cf writes a file for the server's socket with further lines.
func (w *twin) cf(t testing.TB, lines string) string {
	t.Helper()
	return w.rawCF(t, fmt.Sprintf("hosts = unix:%s\nuser = %s\npassword = %s\ndbname = %s\n%s\n",
		w.db.Socket(), w.db.User(), w.db.Password(), w.db.Database(), lines))
}

func (w *twin) rawCF(t testing.TB, text string) string {
	t.Helper()
	w.files++
	return w.write(t, fmt.Sprintf("%d.cf", w.files), text)
}

func (w *twin) write(t testing.TB, name, text string) string {
	t.Helper()
	path := write(t, w.dir, name, text)
	// Postfix waits for a file to become a second old.
	if err := os.Chtimes(path, time.Time{}, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	return path
}

// open reads a file as postern does.
func (w *twin) open(t testing.TB, path string) lookup.Map {
	t.Helper()
	c, _, err := parseWith(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Open(c, w.pools, store.Options{MaxConnections: 3}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	w.tables[path] = m
	return m
}

// outcome is one of four, with the value of the first.
func outcome(value string, found bool, err error) string {
	switch {
	case lookup.IsPermanent(err):
		return "permanent error"
	case err != nil:
		return "temporary error"
	case found:
		return fmt.Sprintf("found %q", value)
	}
	return "not found"
}

// postmap asks the real thing for one key.
func (w *twin) postmap(ctx context.Context, path, key string) (string, error) {
	var out, complaints bytes.Buffer
	cmd := exec.CommandContext(ctx, "postmap", "-c", w.dir, "-q", key, "mysql:"+path)
	cmd.Stdout, cmd.Stderr = &out, &complaints
	err := cmd.Run()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		return "", err
	}
	text := complaints.String()
	switch {
	case strings.Contains(text, "non-UTF-8 value"):
		return "permanent error", nil
	case strings.Contains(text, "query error"):
		return "temporary error", nil
	case strings.Contains(text, "fatal"):
		return "", fmt.Errorf("postmap: %s", text)
	case err != nil:
		return "not found", nil
	}
	return fmt.Sprintf("found %q", strings.TrimSuffix(out.String(), "\n")), nil
}

// postmapStream asks for many keys by one process. It is not ok where a key or
// a value does not fit a line, or where there was an error, after which
// postmap loses its answers.
func (w *twin) postmapStream(t *testing.T, path string, keys []string) (answers map[string]string, ok bool) {
	t.Helper()
	var complaints bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "postmap", "-c", w.dir, "-q", "-", "mysql:"+path)
	cmd.Stdin, cmd.Stderr = strings.NewReader(strings.Join(keys, "\n")+"\n"), &complaints
	out, _ := cmd.Output()
	if strings.Contains(complaints.String(), "fatal") {
		return nil, false
	}
	answers = map[string]string{}
	for _, line := range strings.Split(strings.TrimSuffix(string(out), "\n"), "\n") {
		if line == "" {
			continue
		}
		key, value, tab := strings.Cut(line, "\t")
		if _, twice := answers[key]; twice || !tab {
			return nil, false
		}
		answers[key] = fmt.Sprintf("found %q", value)
	}
	return answers, true
}

// compare asks both for all keys.
func (w *twin) compare(t *testing.T, path string, keys []string) {
	t.Helper()
	m := w.open(t, path)
	var lines, others []string
	for _, k := range keys {
		if k == "" || strings.ContainsAny(k, "\n\t") {
			others = append(others, k)
		} else {
			lines = append(lines, k)
		}
	}
	answers, ok := map[string]string(nil), false
	if len(keys) > 1 {
		answers, ok = w.postmapStream(t, path, lines)
	}
	if !ok {
		others, lines = keys, nil
	}
	check := func(key, want string) {
		for range 2 { // the second time knows the columns
			if got := outcome(m.Lookup(t.Context(), lookup.Fold(key))); got != want {
				text, _ := os.ReadFile(path)
				_, _, err := m.Lookup(t.Context(), lookup.Fold(key))
				t.Errorf("key %q\nours    %s\npostmap %s\n%v\n%s", bounded(key), got, want, err, text)
				return
			}
		}
	}
	for _, k := range lines {
		want, found := answers[k]
		if !found {
			want = "not found"
		}
		check(k, want)
	}
	for i, want := range w.postmapEach(t, path, others) {
		check(others[i], want)
	}
}

// postmapEach asks for each key by a process of its own, some at a time,
// because postmap sleeps for a second after an error.
func (w *twin) postmapEach(t *testing.T, path string, keys []string) []string {
	answers := make([]string, len(keys))
	var g errgroup.Group
	g.SetLimit(10)
	for i, k := range keys {
		g.Go(func() (err error) {
			answers[i], err = w.postmap(t.Context(), path, k)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	return answers
}

// oddKeys are what a key must never do harm with.
func oddKeys() []string {
	return []string{
		"user@example.com", "USER@Example.COM", "it's@example.com", "''", "'", `"`, `\`, `\'`, `back\slash@x.example`,
		`"quoted user"@example.com`, "per%cent@example.com", "under_score@x.example", "underXscore@x.example", "%", "_", "%s", "%%",
		"a@b@c.example", "@example.com", "@", "user@", "example.com", "u@mail.example.com", "x@a..b.c", ".a.b", "x@.",
		"ü@bücher.example", "Ü@BÜCHER.example", "josé@x.example", "jose@x.example", "straße", "\xff@x.example", "a@\xc3", "😀@x.example", "日本",
		"0", "00042", "42", "42 ", "1e1", "0x2a", "-1", "1.50", "null", "2024-02-29", "12:34:56",
		"-- ", "#", "/* */", "a b", "trailing ", " leading", "tab\tx", "line\nx", "cr\rx", "\x1a", "\x7f",
		"x' or '1'='1", `x\' or 1=1 -- `, `x" or "1"="1`, "); drop table kv; --", "?", ":a", "${x}", "@a",
		strings.Repeat("x", 10000), strings.Repeat("'", 4000) + "@x.example", "",
	}
}

// keyRows puts most of the odd keys into the table kv.
func keyRows() string {
	var b strings.Builder
	for i, k := range oddKeys() {
		if i%7 != 3 && len(k) < 1000 && lookup.Fold(k) != "" {
			fmt.Fprintf(&b, "INSERT IGNORE INTO kv (k, v, n) VALUES (CONVERT(X'%X' USING utf8mb4), CONCAT('v%d@d%d.example'), %d);\n", lookup.Fold(k), i, i, i)
		}
	}
	return b.String()
}

func contextWithTrace(t *testing.T, steps *[]lookup.Step) context.Context {
	return lookup.WithTrace(t.Context(), func(s lookup.Step) { *steps = append(*steps, s) })
}
