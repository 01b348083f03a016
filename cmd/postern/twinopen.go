package main

import (
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"postern/internal/config"
	"postern/internal/keysearch"
	"postern/internal/lookup"
	builtin "postern/internal/maps"
	"postern/internal/mysqltable"
	"postern/internal/store"
	"postern/internal/twin"
)

// twinConnections is how many connections the old path has to each database.
const twinConnections = 2

// twinService asks live questions again along the old path, over database
// connections of its own.
type twinService struct {
	twin   *twin.Twin
	pools  *store.Pools
	names  []string // of the maps that are compared
	share  float64
	cancel context.CancelFunc
	done   chan struct{}
}

// openTwin puts the old path beside the maps that the configuration names. One
// that cannot be opened is not compared: the live path does not depend on it.
func (a *assembly) openTwin() {
	a.asked = a.set
	if c := a.config.Twin; c == nil || a.works.role.command || !(a.works.role.serves("socketmap") || a.works.role.serves("tcptable")) {
		return
	}
	s := &twinService{pools: store.NewPools(nil), share: a.config.Twin.Fraction(), done: make(chan struct{})}
	s.twin = twin.New(twin.Options{
		Share: s.share, Draw: rand.Uint64, Operator: a.config.Operator,
		Timeout: time.Duration(a.config.Database.ConnectTimeout + a.config.Database.StatementTimeout),
		Metrics: a.works.twins, Kept: a.works.kept, Log: a.works.log,
	})
	a.asked = maps.Clone(a.set)
	for _, name := range slices.Sorted(maps.Keys(a.config.Twin.Maps)) {
		old, err := a.oldPath(s.pools, name, a.config.Twin.Maps[name])
		if err != nil {
			a.works.log.Error("map is not compared with its old path", "map", name, "error", a.config.At("twin.maps."+name, err))
			continue
		}
		a.asked[name] = s.twin.Map(name, a.set[name], old)
		s.names = append(s.names, name)
	}
	a.twin = s
}

// oldPath is what Postfix did before: its key search over mysql: tables, from
// left to right.
func (a *assembly) oldPath(pools *store.Pools, name string, files []string) (lookup.Map, error) {
	defaults := a.storeDefaults()
	defaults.MaxConnections = twinConnections
	var tables []lookup.Map
	for _, path := range files {
		cf, _, err := mysqltable.Parse(path)
		if err != nil {
			return nil, err
		}
		table, err := mysqltable.Open(cf, pools, defaults, slog.New(slog.DiscardHandler))
		if err != nil {
			return nil, err
		}
		tables = append(tables, table)
	}
	class := classOf(a.config, name)
	return keysearch.New(class, a.searchOptions(class), tables...), nil
}

// classOf is how Postfix searches the table of a map: of a built-in one in the
// parameter where the mysql: table of its name stands.
func classOf(c *config.Config, name string) keysearch.Class {
	switch name {
	case builtin.Virtual, builtin.VirtualHandles, builtin.VirtualAliases:
		return keysearch.Virtual
	case builtin.Allowlist, builtin.AllowlistHandles, builtin.AllowlistAliases, builtin.BlockLocalSenders, builtin.AllowedSenders:
		return keysearch.AccessAddress
	case builtin.SenderLoginMaps:
		return keysearch.SenderLogin
	case builtin.BannedDomains:
		return keysearch.Transport
	}
	if m := c.Maps[name]; m.Search != "" {
		return keysearch.Class(m.Search)
	}
	return keysearch.Exact
}

// start begins to ask again.
func (s *twinService) start(ctx context.Context) {
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(s.done)
		s.twin.Run(ctx)
	}()
}

// stop ends it and closes the connections.
func (s *twinService) stop() error {
	if s == nil {
		return nil
	}
	if s.cancel != nil {
		s.cancel()
		<-s.done
	}
	return s.pools.Close()
}
