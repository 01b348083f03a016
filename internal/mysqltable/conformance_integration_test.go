//go:build integration

package mysqltable

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"postern/internal/lookup/lookuptest"
)

// TestConforms holds a .cf map on a real MariaDB to the suite of all maps.
func TestConforms(t *testing.T) {
	w := newTwin(t)
	n := 0
	load := func(t *testing.T, pairs map[string]string) lookuptest.Subject {
		n++
		table := fmt.Sprintf("conforms%d", n)
		var sql strings.Builder
		fmt.Fprintf(&sql, "CREATE TABLE %s (k MEDIUMBLOB, v LONGTEXT CHARACTER SET utf8mb4);\n", table)
		for key, value := range pairs {
			fmt.Fprintf(&sql, "INSERT INTO %s VALUES (X'%X', _utf8mb4 X'%X');\n", table, key, value)
		}
		if err := w.db.Exec(t.Context(), sql.String()); err != nil {
			t.Fatal(err)
		}
		m := w.open(t, w.cf(t, fmt.Sprintf("query = SELECT v FROM %s WHERE k = '%%s'", table)))
		return lookuptest.Subject{Map: m, Break: func() {
			if err := w.db.Exec(t.Context(), "DROP TABLE "+table); err != nil {
				t.Error(err)
			}
		}}
	}
	// Postfix never asks for an empty key, nor for one that is not UTF-8.
	cannot := func(key string) bool { return key == "" || !utf8.ValidString(key) }
	lookuptest.Run(t, load, lookuptest.Options{Cannot: cannot})
}
