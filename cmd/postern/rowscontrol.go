package main

import (
	"fmt"
	"net/http"
	"strings"

	"postern/internal/lookup"
)

// serveRows has rows of the loaded tables read anew: POST /rows?key=alias:KEY, a
// key for each, TABLE: for a whole table. What a daemon does not load it has not
// to read.
func (s *service) serveRows(w http.ResponseWriter, r *http.Request) {
	a := s.current.Load()
	if err := r.ParseForm(); err != nil {
		http.Error(w, "rows: "+err.Error(), http.StatusBadRequest)
		return
	}
	read := 0
	for _, row := range r.Form["key"] {
		table, key, ok := strings.Cut(row, ":")
		if !ok {
			http.Error(w, fmt.Sprintf("rows: key %.200q: write TABLE:KEY, as in alias:info@example.org", row), http.StatusBadRequest)
			return
		}
		if a.tables == nil || a.tables.tables[table] == nil {
			continue
		}
		if err := a.tables.keeper.Flush(r.Context(), table, lookup.Fold(key)); err != nil {
			reply(w, "", err)
			return
		}
		read++
	}
	reply(w, fmt.Sprintf("%d rows read anew", read), nil)
}
