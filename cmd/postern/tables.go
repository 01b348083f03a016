package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"postern/internal/config"
	"postern/internal/lookup"
	"postern/internal/maps"
	"postern/internal/store"
	"postern/internal/table"
)

// loadedTables is the database of the built-in maps: its tables in memory and
// the maps over them. It lives on through reloads that do not concern it.
type loadedTables struct {
	config  config.Config // the configuration that it was made of
	store   *store.Store
	keeper  *table.Keeper
	tables  map[string]*table.Table
	builtIn *maps.BuiltIn

	cancel context.CancelFunc
	done   chan struct{}
}

// tableNames are the tables that a process of that role loads whole.
func (r role) tableNames() []string {
	if r.name == "policyd" {
		return []string{"api_bans"}
	}
	return []string{"domain", "alias_handle", "alias", "smtp_sender_acl", "api_bans"}
}

// openTables takes the tables over from before, or makes new ones.
func (a *assembly) openTables(before *assembly) error {
	if !a.hasDatabase() {
		return nil
	}
	if before != nil && before.tables != nil && sameTables(&before.tables.config, a.config) {
		a.tables = before.tables.with(a.config)
		a.stores = append(a.stores, a.tables.store)
		return nil
	}
	options, err := a.databaseOptions()
	if err != nil {
		return err
	}
	s, err := a.works.pools.Open(options)
	if err != nil {
		return badConfig(err)
	}
	a.stores = append(a.stores, s)
	a.tables, err = newLoadedTables(a.config, s, a.works)
	return err
}

// hasDatabase reports whether there is one for the built-in maps.
func (a *assembly) hasDatabase() bool {
	return a.config.Database.Name != "" || a.config.Database.Driver == "sqlite"
}

// sameTables reports whether what concerns the tables did not change.
func sameTables(old, new *config.Config) bool {
	return reflect.DeepEqual(old.Database, new.Database) && old.Tables == new.Tables && old.StateDir == new.StateDir
}

// databaseOptions are the database block, with the password read.
func (a *assembly) databaseOptions() (store.Options, error) {
	d := a.config.Database
	password, openToAll, err := d.ReadPassword()
	if err != nil {
		return store.Options{}, badConfig(a.config.At("database.password_file", err))
	}
	if openToAll {
		a.works.log.Warn("the database password can be read by everybody on this host: chmod o-r",
			"file", d.PasswordFile)
	}
	o := a.storeDefaults()
	o.Driver, o.Hosts, o.Name, o.User, o.Password, o.Path = d.Driver, d.Hosts, d.Name, d.User, password, d.Path
	o.TLS = store.TLS{
		Enabled: d.TLS != (config.TLS{}),
		CAFile:  d.TLS.CA, Cert: d.TLS.Cert, Key: d.TLS.Key, Verify: d.TLS.Verify,
	}
	return o, nil
}

// newLoadedTables makes the tables of one database and the maps over them.
func newLoadedTables(c *config.Config, s *store.Store, w *works) (*loadedTables, error) {
	l := &loadedTables{config: *c, store: s, tables: map[string]*table.Table{}, done: make(chan struct{})}
	var all []*table.Table
	for _, name := range w.role.tableNames() {
		rows, err := s.Rows(name)
		if err != nil {
			return nil, err
		}
		l.tables[name] = table.New(name, rows, table.StandardPolicy(name))
		all = append(all, l.tables[name])
	}
	l.keeper = table.NewKeeper(table.Options{
		Refresh:      time.Duration(c.Tables.Refresh),
		MaxMemory:    int64(c.Tables.MaxMemory),
		ShrinkGuard:  c.Tables.ShrinkGuard.Fraction(),
		StateDir:     stateDir(c.StateDir, w),
		Identity:     s.Identity(),
		SetGCPercent: debug.SetGCPercent,
		Log:          w.log,
		Metrics:      w.tables,
		PerKey: func(name string, src lookup.Map) lookup.Map {
			return w.cache.Map("table:"+name, "table:"+s.Identity()+":"+name, src)
		},
	}, &feed{store: s}, all...)
	l.builtIn = l.maps(c)
	return l, nil
}

// maps are the built-in maps with the settings of c.
func (l *loadedTables) maps(c *config.Config) *maps.BuiltIn {
	return maps.New(maps.Tables{
		Domain: l.tables["domain"],
		Alias:  l.tables["alias"],
		Handle: l.tables["alias_handle"],
		Sender: l.tables["smtp_sender_acl"],
		Ban:    l.tables["api_bans"],
	}, maps.Options{
		Delimiter: c.RecipientDelimiter,
		Propagate: slices.Contains(c.Postfix.Propagate, "virtual"),
		Operator:  c.Operator,
		Reserved:  folded(c.ReservedHandles),
		Allowed:   folded(c.HandlesAllowed),
		MyOrigin:  c.Postfix.MyOrigin,
	})
}

// with is the same tables under the settings of a new configuration.
func (l *loadedTables) with(c *config.Config) *loadedTables {
	return &loadedTables{config: *c, store: l.store, keeper: l.keeper, tables: l.tables, builtIn: l.maps(c),
		cancel: l.cancel, done: l.done}
}

// start loads and follows the tables until stop.
func (l *loadedTables) start(ctx context.Context) {
	if l.cancel != nil {
		return // taken over: it runs already
	}
	ctx, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
	l.keeper.Restore()
	go func() {
		defer close(l.done)
		l.keeper.Run(ctx)
	}()
}

// await waits until the tables, of those names or all, are read, or it seems in
// vain, or the time is up.
func (l *loadedTables) await(ctx context.Context, limit time.Duration, names ...string) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	waiting := func(s table.Status) bool {
		return s.Source == "none" && s.Trouble == nil && (len(names) == 0 || slices.Contains(names, s.Table))
	}
	for ctx.Err() == nil && slices.ContainsFunc(l.keeper.Status(), waiting) {
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// stop ends the following; a last disk copy is written.
func (l *loadedTables) stop() {
	if l.cancel != nil {
		l.cancel()
		<-l.done
	}
}

// stateDir is the folder of the disk copies, made if it is missing. Without
// one the tables live on, but a start finds nothing while the database is away.
func stateDir(dir string, w *works) string {
	if dir == "" {
		return ""
	}
	dir = filepath.Join(dir, "tables")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		w.log.Warn("no disk copies of the tables: a start without the database could answer nothing: set state_dir to a folder that this user can write", "error", err)
		return ""
	}
	return dir
}

func folded(words []string) []string {
	out := make([]string, len(words))
	for i, word := range words {
		out[i] = lookup.Fold(strings.TrimSpace(word))
	}
	return out
}

// feed finds out, at the first call that reaches the database, whether the
// change feed is installed there.
type feed struct {
	store *store.Store
	found *store.Feed
}

// Changes is called by one goroutine at a time.
func (f *feed) Changes(ctx context.Context) ([]table.Change, error) {
	if f.found == nil {
		found, err := f.store.Feed(ctx)
		if err != nil {
			return nil, err
		}
		if found == nil {
			return nil, fmt.Errorf("%w: load %s for changes within a second", table.ErrNoFeed, "__db/additions/postern_change.sql")
		}
		f.found = found
	}
	return f.found.Changes(ctx)
}
