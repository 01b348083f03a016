package main

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"postern/internal/daemon"
	"postern/internal/oneline"
	"postern/internal/status"
	"postern/internal/store"
)

// about is what never changes of this process.
func (s *service) about() status.About {
	host, _ := os.Hostname() // without one the page shows none
	return status.About{Daemon: s.role.name, Version: version, Host: host, PID: os.Getpid(), Started: time.Now()}
}

// facts is what the metrics do not tell of the configuration in force.
func (s *service) facts() status.Facts {
	a := s.current.Load()
	if a == nil {
		return status.Facts{NotReady: "starting"}
	}
	f := status.Facts{Databases: a.databaseFacts(), Tables: a.tableFacts(), Decisions: s.works.recent.List()}
	if err := a.ready(); err != nil {
		f.NotReady = shown(err)
	}
	if a.policy != nil && a.config.Policyd.State != "memory" {
		f.Redis = place(a.config.Policyd.State)
	}
	if a.srs != nil {
		f.Store = place(a.config.SRSD.Store)
	}
	return f
}

// databaseFacts are those of all databases that this process asks, that of the
// tables first.
func (a *assembly) databaseFacts() []status.DatabaseFact {
	ofTables := func(s *store.Store) bool { return a.tables != nil && a.tables.store == s }
	var stores []*store.Store
	for _, s := range a.stores { // a .cf file may ask the database of the tables, or that of another
		if !slices.Contains(stores, s) {
			stores = append(stores, s)
		}
	}
	slices.SortFunc(stores, func(x, y *store.Store) int {
		switch {
		case ofTables(x):
			return -1
		case ofTables(y):
			return 1
		}
		return strings.Compare(x.Identity(), y.Identity())
	})
	var all []status.DatabaseFact
	for _, s := range stores {
		all = append(all, databaseFact(s, ofTables(s), databaseName(s, stores)))
	}
	return all
}

func databaseFact(s *store.Store, tables bool, name string) status.DatabaseFact {
	is := s.State()
	f := status.DatabaseFact{
		Database: status.Database{
			Name: name, Up: is.Up, Trouble: string(store.TroubleOf(is.Trouble)),
			Open: float64(is.Open), InUse: float64(is.InUse), Max: float64(is.Max),
		},
		Tables: tables, Asked: is.Asked,
	}
	if is.Trouble != nil {
		f.Cause = shown(is.Trouble)
	}
	return f
}

// databaseName is the place of a database; where several users ask there, with
// the user.
func databaseName(s *store.Store, all []*store.Store) string {
	for _, other := range all {
		if other != s && other.Place() == s.Place() {
			return s.Identity()
		}
	}
	return s.Place()
}

func (a *assembly) tableFacts() []status.TableFact {
	if a.tables == nil {
		return nil
	}
	var all []status.TableFact
	for _, t := range a.tables.keeper.Status() {
		fact := status.TableFact{Name: t.Table, PerKey: t.Source == "per key"}
		if t.Trouble != nil {
			fact.Trouble = shown(t.Trouble)
		}
		all = append(all, fact)
	}
	return all
}

// shown is an error as a page may show it: on a line, without an address.
func shown(err error) string { return oneline.Log(daemon.MaskAddresses(err.Error())) }

// place is a location without its scheme and without what may be secret: a
// user, a password, options.
func place(at string) string {
	_, rest, _ := strings.Cut(at, ":")
	rest = strings.TrimPrefix(rest, "//")
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	rest, _, _ = strings.Cut(rest, "?")
	return rest
}

// serveStatus answers the Snapshot, for `postern top`.
func (s *service) serveStatus(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s.status.Snapshot()) // the peer is gone, then
}
