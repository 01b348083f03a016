//go:build integration

package store

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"postern/internal/lookup"
	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
)

func TestMariaDBRows(t *testing.T) {
	m := scratchtest.Database(t, scratch.MariaDBOptions{ExtraArgs: []string{"--default-time-zone=-09:00"}})
	// Older tables let a NULL in.
	if err := m.Exec(t.Context(), "ALTER TABLE alias MODIFY `goto` text NULL; INSERT INTO alias (address, `goto`) VALUES ('null@x.test', NULL)"); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, optionsOf(m))
	for _, row := range oddRows {
		if !row.sqliteOnly {
			mustExec(t, s, row.statement)
		}
	}
	missing := maps.Clone(missing)
	for name, want := range wantRows {
		t.Run(name, func(t *testing.T) {
			checkRows(t, s, name, want)
			rows, err := s.Rows(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range append(missing[name], "null@x.test") {
				if got, err := rows.Get(t.Context(), key); err != nil || len(got) > 0 {
					t.Errorf("get %q: %q, %v", key, got, err)
				}
			}
		})
	}
}

// TestMariaDBFoldAgrees asks for every letter that folding changes: what Load
// delivers under a folded key, Get finds under it.
func TestMariaDBFoldAgrees(t *testing.T) {
	s := openStore(t, optionsOf(scratchtest.Database(t, scratch.MariaDBOptions{})))
	var letters []string
	for r := rune(0x80); r < 0x20000; r++ {
		if letter := string(r); lookup.Fold(letter) != letter && letter != "\ufffd" {
			letters = append(letters, letter)
		}
	}
	if len(letters) < 1000 {
		t.Fatalf("only %d letters fold", len(letters))
	}
	// What the collations hold to be another letter: an iota subscript, which
	// folds to an iota, and in the older one most letters newer than Unicode 4.
	exempt := map[string]func(letter string) bool{
		"utf8mb4_uca1400_ai_ci": func(letter string) bool {
			return strings.Contains(lookup.Fold(letter), "ι") && letter != "Ι"
		},
		"utf8mb4_unicode_ci": func(letter string) bool { return letter >= "Ȁ" && !isCommon(letter) },
	}
	for collation, exempt := range exempt {
		st := s.Prepare("SELECT CONVERT(? USING utf8mb4) COLLATE " + collation + " = ?")
		for _, letter := range letters {
			equal, err := readOne(t.Context(), st, letter, lookup.Fold(letter))
			if err != nil {
				t.Fatal(err)
			}
			if equal != "1" && !exempt(letter) {
				t.Errorf("%s: %q is not %q", collation, letter, lookup.Fold(letter))
			}
		}
	}
}

// isCommon tells the capitals of living alphabets that any collation knows.
func isCommon(letter string) bool {
	for _, alphabet := range []string{"ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ", "АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯЁ"} {
		if strings.Contains(alphabet, letter) {
			return true
		}
	}
	return false
}

// TestMariaDBLoadTakesLonger: the limit of a statement is not that of a load,
// and comes back after it.
func TestMariaDBLoadTakesLonger(t *testing.T) {
	m := scratchtest.Database(t, scratch.MariaDBOptions{})
	o := optionsOf(m)
	o.StatementTimeout, o.MaxConnections = time.Second, 1
	s := openStore(t, o)
	if err := m.Exec(t.Context(), "INSERT INTO alias (address, `goto`) SELECT concat('u', seq), repeat('x', 2000) FROM seq_1_to_2000"); err != nil {
		t.Fatal(err)
	}
	rows, err := s.Rows("alias")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	err = rows.Load(t.Context(), func(_, _ []byte) error {
		if n++; n == 1 {
			time.Sleep(2 * time.Second) // the server waits for us with most of its rows
		}
		return nil
	})
	if err != nil || n != 2000 {
		t.Errorf("%d rows, %v", n, err)
	}
	if limit, err := readOne(t.Context(), s.Prepare("SELECT @@max_statement_time")); err != nil || !strings.HasPrefix(limit, "1") {
		t.Errorf("afterwards the limit is %s, %v", limit, err)
	}
}

func TestMariaDBDroppedTable(t *testing.T) {
	m := scratchtest.Database(t, scratch.MariaDBOptions{})
	s := openStore(t, optionsOf(m))
	rows, err := s.Rows("alias")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rows.Get(t.Context(), "a@x.test"); err != nil {
		t.Fatal(err)
	}
	if err := m.Exec(t.Context(), "DROP TABLE alias"); err != nil {
		t.Fatal(err)
	}
	if got, err := rows.Get(t.Context(), "a@x.test"); !MissingTable(err) {
		t.Errorf("get: %q, %v", got, err)
	}
	if err := rows.Load(t.Context(), func(_, _ []byte) error { return nil }); !MissingTable(err) {
		t.Errorf("load: %v", err)
	}
	if up := s.metrics.up(); up != 1 {
		t.Errorf("a server that answers counts as %v", up)
	}
	if err := m.Load(t.Context(), "../../__db/alias.sql"); err != nil {
		t.Fatal(err)
	}
	if got, err := rows.Get(t.Context(), "a@x.test"); err != nil || len(got) > 0 {
		t.Errorf("restored and empty: %q, %v", got, err)
	}
}

func TestMariaDBLoadEnds(t *testing.T) {
	m := scratchtest.Database(t, scratch.MariaDBOptions{})
	s := openStore(t, optionsOf(m))
	if err := m.Exec(t.Context(), "INSERT INTO alias (address, `goto`) SELECT concat('u', seq), repeat('x', 200) FROM seq_1_to_50000"); err != nil {
		t.Fatal(err)
	}
	rows, err := s.Rows("alias")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	err = rows.Load(ctx, func(_, _ []byte) error { n++; cancel(); return nil })
	if !errors.Is(err, context.Canceled) || n > 10_000 {
		t.Errorf("with its context, after %d rows: %v", n, err)
	}
	full := errors.New("no room")
	if err := rows.Load(t.Context(), func(_, _ []byte) error { return full }); err != full {
		t.Errorf("with the error of emit: %v", err)
	}
	if got := loadAll(t, s, "alias"); len(got) != 50000 {
		t.Errorf("afterwards %d rows", len(got))
	}
}
