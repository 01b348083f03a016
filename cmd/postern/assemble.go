package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	stdmaps "maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postern/internal/config"
	"postern/internal/daemon"
	"postern/internal/filemap"
	"postern/internal/keysearch"
	"postern/internal/lookup"
	"postern/internal/maps"
	"postern/internal/mysqltable"
	"postern/internal/status"
	"postern/internal/store"
	"postern/internal/table"
	"postern/internal/twin"
	"postern/policyd"
	"postern/srsd"
	"postern/srsd/envelope"
	"postern/srsd/milter"
)

// works is what outlives a reload: counters, database pools and the cache.
type works struct {
	role    role
	log     *slog.Logger
	now     func() time.Time // of SRS
	lookups *lookup.Metrics
	tables  *table.Metrics
	srs     *srsd.Metrics
	policyMetrics
	recorder    policyd.Recorder
	recent      *status.Recent   // nil where nothing decides
	policyState string           // commands: the folder of the daemon's state_dir, to be read only
	policyNow   func() time.Time // of everything in policyd
	milter      *milter.Metrics
	twins       *twin.Metrics
	kept        *twin.Kept // differences of the old path
	reg         prometheus.Registerer
	envelopes   *envelope.Metrics // nil until a store is opened
	pools       *store.Pools
	cache       *lookup.Cache
	ring        atomic.Pointer[srsd.Ring] // of the assembly that answers
}

// newWorks registers every metric of what a process of that role makes.
func newWorks(r role, c *config.Config, reg prometheus.Registerer, log *slog.Logger) (*works, error) {
	now, err := clock("POSTERN_FAKETIME", log)
	if err != nil {
		return nil, err
	}
	w := &works{role: r, log: log, now: now, reg: reg, lookups: lookup.NewMetrics(reg), policyNow: time.Now}
	if r.serves("srsd") {
		w.srs, w.milter = srsd.NewMetrics(reg), milter.NewMetrics(reg)
		srsd.RegisterRing(reg, w.ring.Load, now)
	}
	if r.serves("policyd") {
		w.policyMetrics = newPolicyMetrics(reg)
		registerRecorder(reg, &w.recorder)
	}
	if r.serves("policyd") || r.serves("srsd") {
		w.recent = status.NewRecent(daemon.MaskField, nil)
	}
	if r.serves("socketmap") || r.serves("tcptable") {
		w.twins, w.kept = twin.NewMetrics(reg), twin.NewKept(0)
	}
	w.tables = table.NewMetrics(reg)
	w.pools = store.NewPools(store.NewMetrics(reg))
	w.cache = lookup.NewCache(w.cacheOptions(c))
	return w, nil
}

func (w *works) cacheOptions(c *config.Config) lookup.CacheOptions {
	return lookup.CacheOptions{
		Entries:     c.Cache.Entries,
		TTL:         time.Duration(c.Cache.TTL),
		NegativeTTL: time.Duration(c.Cache.NegativeTTL),
		Stale:       time.Duration(c.Cache.Stale),
		Timeout:     time.Duration(c.Database.ConnectTimeout+c.Database.StatementTimeout) + time.Second,
		Metrics:     w.lookups,
		Log:         w.log,
	}
}

// assembly is everything that one configuration makes, from the databases to
// the maps that Postfix asks by name.
type assembly struct {
	works  *works
	config *config.Config
	tables *loadedTables // nil without a database block, and where the database is not ours to ask
	stores []*store.Store
	raw    map[string]lookup.Map // maps of the user's own: one folded key form, cached
	set    lookup.Set
	asked  lookup.Set   // set as Postfix asks it: some maps with their old path beside them
	twin   *twinService // nil without a twin block, and where maps are not ours

	srs     *srsService    // nil without an srsd block, and where it is not ours
	policy  *policyService // nil without a policyd block, and where it is not ours
	clients []io.Closer    // of other daemons
}

// assemble makes the maps of c. Tables of before are kept if their blocks did
// not change. A map that cannot be opened answers with the reason; what is
// wrong in a file of the user's own is an error.
func assemble(ctx context.Context, c *config.Config, w *works, before *assembly) (*assembly, error) {
	a := &assembly{works: w, config: c, raw: map[string]lookup.Map{}}
	if err := readMainCF(ctx, &c.Postfix); err != nil {
		return nil, err
	}
	open := a.openLookups
	switch w.role.name {
	case "srsd":
		open = a.askLookups
	case "policyd":
		open = a.openBans
	}
	if err := open(before); err != nil {
		return nil, err
	}
	if err := a.openSRS(ctx, before); err != nil {
		return nil, errors.Join(err, a.retire(before))
	}
	if err := a.openPolicy(before); err != nil {
		return nil, errors.Join(err, a.retire(before))
	}
	for name := range a.set {
		w.lookups.Map(name)
	}
	a.openTwin()
	return a, nil
}

// openLookups opens the tables and every map.
func (a *assembly) openLookups(before *assembly) error {
	a.warnTables(a.config.Postfix.MyDestination)
	if err := a.openTables(before); err != nil {
		return err
	}
	a.set = a.builtInSet()
	var problems []error
	for _, name := range slices.Sorted(stdmaps.Keys(a.config.Maps)) {
		if err := a.openRaw(name, a.config.Maps[name]); err != nil {
			problems = append(problems, badConfig(a.config.At("maps."+name+".cf", fmt.Errorf("map %s: %w", name, err))))
		}
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	for name, m := range a.config.Maps {
		a.set[name] = a.searched(name, m)
	}
	return nil
}

// warnTables says which entries of mydestination are not looked into.
func (a *assembly) warnTables(destinations []string) {
	for _, d := range destinations {
		if strings.ContainsAny(d, "/") || strings.Contains(d, ":") && !strings.HasPrefix(d, "[") {
			a.works.log.Warn("mydestination names a table, whose domains are not known here: write them in postfix.mydestination", "entry", d)
		}
	}
}

// builtInSet is the built-in maps, or stand-ins that say what is missing.
func (a *assembly) builtInSet() lookup.Set {
	if a.tables != nil {
		return a.tables.builtIn.Set()
	}
	set := lookup.Set{}
	for _, name := range maps.Names() {
		set[name] = lookup.Broken(fmt.Errorf("map %s: no database is configured: add a database block", name))
	}
	return set
}

// openRaw opens a map of the user's own, before any key search.
func (a *assembly) openRaw(name string, m config.Map) error {
	switch {
	case m.CF != "":
		return a.openCF(name, m.CF)
	case m.File != "":
		options := filemap.Options{Log: a.works.log}
		opened, err := filemap.Open(m.File, options)
		if err != nil {
			a.works.log.Error("map cannot be opened: it answers TEMP until it can", "map", name, "error", err)
			a.raw[name] = named(name, filemap.Await(m.File, options, err))
			return nil
		}
		a.raw[name] = opened
	}
	return nil
}

// named has the errors of a map begin with its name.
func named(name string, m lookup.Map) lookup.Map {
	return lookup.Func(func(ctx context.Context, key string) (string, bool, error) {
		value, found, err := m.Lookup(ctx, key)
		if err != nil {
			err = fmt.Errorf("map %s: %w", name, err)
		}
		return value, found, err
	})
}

// openCF serves a mysql_table(5) file through the cache.
func (a *assembly) openCF(name, path string) error {
	cf, warnings, err := mysqltable.Parse(path)
	if err != nil {
		return err
	}
	for _, warning := range warnings {
		a.works.log.Warn("mysql_table file", "map", name, "warning", warning.String())
	}
	m, err := mysqltable.Open(cf, a.works.pools, a.storeDefaults(), a.works.log)
	if err != nil {
		return err
	}
	s, err := a.works.pools.Open(cf.StoreOptions(a.storeDefaults()))
	if err != nil {
		return err
	}
	a.stores = append(a.stores, s)
	a.raw[name] = a.works.cache.Map(name, cf.Identity(), m)
	return nil
}

// storeDefaults are the limits that a .cf file cannot name.
func (a *assembly) storeDefaults() store.Options {
	d := a.config.Database
	return store.Options{
		Driver:           "mysql",
		MaxConnections:   d.MaxConnections,
		ConnectTimeout:   time.Duration(d.ConnectTimeout),
		StatementTimeout: time.Duration(d.StatementTimeout),
	}
}

// searched puts Postfix's key search before the rows of a map.
func (a *assembly) searched(name string, m config.Map) lookup.Map {
	class := keysearch.Exact
	if m.Search != "" {
		class = keysearch.Class(m.Search)
	}
	search := keysearch.New(class, a.searchOptions(class), a.members(name)...)
	if class == keysearch.Virtual && a.tables != nil && a.hasForwarding(name) {
		return a.tables.builtIn.Guard(search)
	}
	return search
}

// members are the raw faces of a map, left to right.
func (a *assembly) members(name string) []lookup.Map {
	m, own := a.config.Maps[name]
	switch {
	case own && len(m.Of) > 0:
		var all []lookup.Map
		for _, member := range m.Of {
			all = append(all, a.members(member)...)
		}
		return all
	case own:
		return []lookup.Map{a.raw[name]}
	case a.tables != nil:
		return a.tables.builtIn.Members(name)
	}
	return []lookup.Map{a.set[name]}
}

// hasForwarding reports a list with a built-in alias map among its members.
func (a *assembly) hasForwarding(name string) bool {
	switch name {
	case maps.Virtual, maps.VirtualHandles, maps.VirtualAliases:
		return true
	}
	return slices.ContainsFunc(a.config.Maps[name].Of, a.hasForwarding)
}

// searchOptions are the Postfix parameters of a table class.
func (a *assembly) searchOptions(class keysearch.Class) keysearch.Options {
	return keysearch.Options{
		RecipientDelimiter: a.config.RecipientDelimiter,
		Propagate:          slices.Contains(a.config.Postfix.Propagate, string(class)),
		Local:              a.config.Postfix.Local(),
	}
}

// start begins what runs beside the maps: loading and following the tables.
func (a *assembly) start(ctx context.Context) {
	if a.tables != nil {
		a.tables.start(ctx)
	}
	if a.srs != nil {
		a.works.ring.Store(a.srs.engine.Ring)
	}
	if a.policy != nil {
		a.policy.state.start(ctx, a.works.role)
	}
	if a.twin != nil {
		a.twin.start(ctx)
	}
}

// ready is nil if Postfix's questions can be answered.
func (a *assembly) ready() error {
	if a.tables == nil {
		return nil
	}
	if err := a.tables.keeper.Ready(); err != nil {
		return err
	}
	if a.bansNeeded() && a.tables.tables["api_bans"].Generation() == 0 {
		return a.bansMissing()
	}
	return nil
}

// bansMissing says that the bans are not loaded, and why if that is known.
func (a *assembly) bansMissing() error {
	for _, s := range a.tables.keeper.Status() {
		if s.Table == "api_bans" && s.Trouble != nil {
			return fmt.Errorf("policyd: the bans are not loaded yet: %w", s.Trouble)
		}
	}
	return errors.New("policyd: the bans are not loaded yet")
}

// retire ends what the assembly after, if there is one, has not taken over.
func (a *assembly) retire(after *assembly) error {
	var keep []*store.Store
	twins := a.twin.stop() // before what it asks is gone
	if after != nil {
		keep = after.stores
	}
	if a.tables != nil && (after == nil || after.tables == nil || after.tables.keeper != a.tables.keeper) {
		a.tables.stop()
	}
	errs := []error{twins, a.works.pools.Keep(keep...), a.retireSRS(after), a.retirePolicy(after)}
	for _, client := range a.clients {
		errs = append(errs, client.Close())
	}
	return errors.Join(errs...)
}
