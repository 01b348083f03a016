package scratchtest

import (
	"os"
	"path/filepath"
	"testing"

	"postern"
	"postern/internal/scratch"
)

// Database starts a server for tb with the tables of postern and the change feed.
func Database(tb testing.TB, opts scratch.MariaDBOptions) *scratch.MariaDB {
	tb.Helper()
	m := MariaDB(tb, opts)
	LoadSchema(tb, m)
	return m
}

// LoadSchema loads what `postern schema` prints.
func LoadSchema(tb testing.TB, m *scratch.MariaDB) {
	tb.Helper()
	script, err := postern.Schema("mysql")
	if err != nil {
		tb.Fatal(err)
	}
	file := filepath.Join(tb.TempDir(), "schema.sql")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		tb.Fatal(err)
	}
	if err := m.Load(tb.Context(), file); err != nil {
		tb.Fatal(err)
	}
}
