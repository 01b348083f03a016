package main

import (
	"fmt"
	"net/http"
	"strings"

	"postern/internal/lookup"
)

// serveBans has the rows of bans read anew: POST /bans?key=domain:example.com,
// a key for each target. A daemon without tables has nothing to read.
func (s *service) serveBans(w http.ResponseWriter, r *http.Request) {
	a := s.current.Load()
	if err := r.ParseForm(); err != nil {
		http.Error(w, "bans: "+err.Error(), http.StatusBadRequest)
		return
	}
	if a.tables == nil {
		reply(w, "holds no bans", nil)
		return
	}
	keys := r.Form["key"]
	for _, key := range keys {
		if kind, _, ok := strings.Cut(key, ":"); !ok || !isBanKind(kind) {
			http.Error(w, fmt.Sprintf("bans: key %.200q: write TYPE:TARGET, as in domain:example.com", key), http.StatusBadRequest)
			return
		}
	}
	for _, key := range keys {
		if err := a.tables.keeper.Flush(r.Context(), "api_bans", lookup.Fold(key)); err != nil {
			reply(w, "", err)
			return
		}
	}
	reply(w, fmt.Sprintf("%d bans read anew", len(keys)), nil)
}
