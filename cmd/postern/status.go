package main

import (
	"cmp"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"time"

	"postern/internal/daemon"
	"postern/internal/oneline"
	"postern/internal/status"
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
	f := status.Facts{Database: a.databaseName(), Tables: a.tableFacts(), Decisions: s.works.recent.List()}
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

// databaseName says where the database is that this process asks.
func (a *assembly) databaseName() string {
	d := a.config.Database
	switch {
	case len(a.stores) == 0:
		return ""
	case a.tables == nil:
		return "of the .cf files"
	case d.Driver == "sqlite":
		return d.Path
	}
	return cmp.Or(strings.Join(d.Hosts, ", "), d.Driver)
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
