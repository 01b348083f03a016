//go:build integration

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"postern"
)

// database is one database of the shared server.
type database struct {
	name string
}

var databases atomic.Int64

// newDatabase makes a database. With schema it has the tables of __db, with
// feed the change feed too.
func newDatabase(t *testing.T, schema, feed bool) *database {
	t.Helper()
	db := &database{name: fmt.Sprintf("e2e_%d", databases.Add(1))}
	script := "CREATE DATABASE " + db.name + ";\nUSE " + db.name + ";\n"
	for _, host := range []string{"localhost", "%"} {
		script += fmt.Sprintf("GRANT ALL ON %s.* TO '%s'@'%s';\n", db.name, shared.db.User(), host)
	}
	if schema {
		script += schemaText(t, feed)
	}
	file := filepath.Join(t.TempDir(), "schema.sql")
	writeFile(t, file, script)
	if err := shared.db.Load(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	return db
}

// schemaText is the schema for the mariadb client.
func schemaText(t *testing.T, feed bool) string {
	t.Helper()
	files, err := postern.SchemaFiles("mysql")
	if err != nil {
		t.Fatal(err)
	}
	text := "SET foreign_key_checks = 0;\n"
	for _, f := range files {
		if f.Name != "postern_change.sql" || feed {
			text += f.SQL + "\n"
		}
	}
	return text
}

// exec runs statements in the database.
func (db *database) exec(t *testing.T, statements string) {
	t.Helper()
	if err := shared.db.Exec(t.Context(), "USE "+db.name+"; "+statements); err != nil {
		t.Fatal(err)
	}
}

// block is the database block of postern.yaml; more are further entries.
func (db *database) block(more ...string) string {
	return fmt.Sprintf("database: {driver: mysql, hosts: [\"%s\"], name: %s, user: %s, password: %s%s}\n",
		shared.db.Addr(), db.name, shared.db.User(), shared.db.Password(), strings.Join(append([]string{""}, more...), ", "))
}

// cf writes a mysql_table(5) file for this database.
func (db *database) cf(t *testing.T, dir, name, lines string) string {
	t.Helper()
	path := filepath.Join(dir, name+".cf")
	writeFile(t, path, fmt.Sprintf("hosts = %s\nuser = %s\npassword = %s\ndbname = %s\n%s\n",
		shared.db.Addr(), shared.db.User(), shared.db.Password(), db.name, lines))
	settle(t, path)
	return path
}

// quoteSQL makes a string literal.
func quoteSQL(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(s) + "'"
}

// insert is an INSERT statement for rows of strings.
func insert(into string, rows [][]string) string {
	if len(rows) == 0 {
		return "DO 0;"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "INSERT INTO %s VALUES ", into)
	for i, row := range rows {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('(')
		for j, field := range row {
			if j > 0 {
				b.WriteByte(',')
			}
			b.WriteString(quoteSQL(field))
		}
		b.WriteByte(')')
	}
	return b.String() + ";"
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
