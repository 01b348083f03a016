package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"postern/internal/admin"
	"postern/internal/lookup"
)

// rowsAtOnce is how many rows one request names, so that it fits a URL.
const rowsAtOnce = 1000

// announceRows is announce for rows of the loaded tables.
func announceRows(ctx context.Context, dir string, rows []admin.Row, complain func(socket string, err error)) (told bool) {
	for some := range slices.Chunk(rows, rowsAtOnce) {
		values := url.Values{}
		for _, row := range some {
			values.Add("key", row.Table+":"+row.Key)
		}
		if announce(ctx, dir, "/rows", values, complain) {
			told = true
		}
	}
	return told
}

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
