package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"postern/internal/daemon"
	"postern/internal/lookup"
	"postern/internal/maps"
)

// controlHandler answers on the control socket of a daemon:
//
//	GET  /explain?map=NAME&key=KEY   an explanation
//	POST /flush?map=NAME[&key=KEY]   what is held is read anew
//	POST /accept?table=NAME          a reload held by the shrink guard passes
//	POST /bans?key=TYPE:TARGET       a ban was changed: its rows are read anew
//	GET  /twin                       where the old path answers otherwise
//	POST /rows?key=TABLE:KEY         a row was changed: it is read anew
//	GET  /status                     what the process is doing (status.Snapshot)
//	GET  /health                     what /readyz of the metrics listener says
func (s *service) controlHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /explain", s.serveExplain)
	mux.HandleFunc("POST /flush", s.serveFlush)
	mux.HandleFunc("POST /accept", s.serveAccept)
	mux.HandleFunc("POST /bans", s.serveBans)
	mux.HandleFunc("GET /twin", s.serveTwin)
	mux.HandleFunc("POST /rows", s.serveRows)
	mux.HandleFunc("GET /status", s.serveStatus)
	mux.Handle("GET /health", daemon.Readyz(s.ready))
	s.routePolicy(mux)
	return mux
}

func (s *service) serveExplain(w http.ResponseWriter, r *http.Request) {
	a := s.current.Load()
	name := r.FormValue("map")
	m, known := a.set[name]
	if !known {
		http.Error(w, unknownMap(name, a.set).Error(), http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(explain(r.Context(), name, m, r.FormValue("key"))) // the peer is gone, then
}

func (s *service) serveFlush(w http.ResponseWriter, r *http.Request) {
	text, err := s.current.Load().flush(r, r.FormValue("map"), r.FormValue("key"))
	reply(w, text, err)
}

func (s *service) serveAccept(w http.ResponseWriter, r *http.Request) {
	a := s.current.Load()
	if a.tables == nil {
		reply(w, "", errors.New("accept: no database is configured"))
		return
	}
	var accepted []string
	for _, status := range a.tables.keeper.Status() {
		if name := r.FormValue("table"); status.Held == nil || name != "" && name != status.Table {
			continue
		}
		if err := a.tables.keeper.Accept(r.Context(), status.Table); err != nil {
			reply(w, "", err)
			return
		}
		accepted = append(accepted, status.Table)
	}
	if len(accepted) == 0 {
		reply(w, "", errors.New("accept: no reload is held back"))
		return
	}
	reply(w, "accepted: "+strings.Join(accepted, ", "), nil)
}

// reply answers with one line.
func reply(w http.ResponseWriter, text string, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	fmt.Fprintln(w, text)
}

// flush has what is held of a map, or of one key of it, read anew.
func (a *assembly) flush(r *http.Request, name, key string) (string, error) {
	if _, own := a.config.Maps[name]; !own && !maps.IsBuiltIn(name) {
		return "", unknownMap(name, a.set)
	}
	var done []string
	for _, member := range a.rowsOf(name) {
		text, err := a.flushRows(r, member, lookup.Fold(key))
		if err != nil {
			return "", err
		}
		done = append(done, text)
	}
	return strings.Join(done, "; "), nil
}

// rowsOf names the .cf maps and the tables ("table:alias") behind a map.
func (a *assembly) rowsOf(name string) []string {
	switch m := a.config.Maps[name]; {
	case len(m.Of) > 0:
		var all []string
		for _, member := range m.Of {
			all = append(all, a.rowsOf(member)...)
		}
		return all
	case m.CF != "" || m.File != "":
		return []string{name}
	case a.tables == nil:
		return nil
	}
	var all []string
	for _, t := range maps.TablesOf(name) {
		all = append(all, "table:"+t)
	}
	return all
}

// flushRows has one .cf map or table read anew.
func (a *assembly) flushRows(r *http.Request, member, key string) (string, error) {
	if t, ok := strings.CutPrefix(member, "table:"); ok {
		keys := []string{""}
		if key != "" {
			keys = maps.RowKeys(t, key)
		}
		for _, k := range keys {
			if err := a.tables.keeper.Flush(r.Context(), t, k); err != nil {
				return "", err
			}
		}
		return "table " + t + " read anew", nil
	}
	if a.config.Maps[member].CF == "" {
		return "map " + member + " follows its file by itself", nil
	}
	if key == "" {
		n, err := a.works.cache.FlushMap(member)
		return fmt.Sprintf("map %s: %d answers will be asked anew", member, n), err
	}
	n, err := a.works.cache.Flush(member, key)
	return fmt.Sprintf("map %s: %d answers will be asked anew", member, n), err
}

// controlSockets are the daemons whose control sockets stand in dir.
func controlSockets(dir string) []string {
	files, _ := filepath.Glob(filepath.Join(dir, "*.sock")) // the pattern is well formed
	var names []string
	for _, file := range files {
		if info, err := os.Stat(file); err == nil && info.Mode()&os.ModeSocket != 0 {
			names = append(names, strings.TrimSuffix(filepath.Base(file), ".sock"))
		}
	}
	return names
}
