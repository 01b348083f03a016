package table

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"postern/internal/lookup"
)

// Options are the settings of a Keeper. Zero values mean the default.
type Options struct {
	Refresh      time.Duration // full reload where there is no change feed; 60 s. See Policy.Refresh
	FeedInterval time.Duration // between two reads of the feed; 1 s. With more, misses are asked of the database
	Reconcile    time.Duration // full reload where there is a feed; 1 h
	SaveInterval time.Duration // least time between two disk copies for the sake of single changes; 1 min

	MaxMemory   int64   // bytes of all tables together; 0: no limit. See [Table]
	ShrinkGuard float64 // share of rows that a reload may lose; 0.2

	StateDir string // of the disk copies; empty: none are kept
	Identity string // which database: a disk copy of another is not used

	// PerKey puts a cache in front of a table that is too large to be held;
	// nil: the database is asked each time.
	PerKey func(name string, src lookup.Map) lookup.Map

	// SetGCPercent is called after loads with what the size of the tables
	// makes right: a few hundred megabytes that never change need little
	// headroom. Pass debug.SetGCPercent; nil leaves the collector alone.
	SetGCPercent func(percent int) (before int)

	Now     func() time.Time // time.Now if nil
	Log     *slog.Logger     // silent if nil
	Metrics *Metrics         // counts nothing if nil
}

func (o Options) withDefaults() Options {
	defaults := []struct {
		field *time.Duration
		value time.Duration
	}{
		{&o.Refresh, time.Minute}, {&o.FeedInterval, time.Second},
		{&o.Reconcile, time.Hour}, {&o.SaveInterval, time.Minute},
	}
	for _, d := range defaults {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	if o.ShrinkGuard <= 0 {
		o.ShrinkGuard = 0.2
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Keeper keeps the tables of one database right.
type Keeper struct {
	options    Options
	feed       Feed
	wards      []*ward
	lanes      []*lane // tables without and with a Refresh of their own
	disk       disk
	save       chan struct{} // a table wants to be written
	headroom   sync.Mutex    // held while the garbage collector is told
	positioned chan struct{} // closed when the feed was read, or failed, once

	mu         sync.Mutex // of what follows and of the wards
	restored   bool
	feedAt     time.Time // last successful read of the feed
	feedErr    error     // why it was not read the last time
	feedAbsent bool      // because it is not installed
	loose      bool      // it has no position from before the last load
}

// lane is tables that are loaded one after the other.
type lane struct {
	wards []*ward
	wake  chan struct{} // a table became due
	slot  chan struct{} // held by who loads: one load at a time
}

func newLane() *lane {
	return &lane{wake: make(chan struct{}, 1), slot: make(chan struct{}, 1)}
}

// ward is a table and what the keeper knows of it.
type ward struct {
	*Table
	lane     *lane
	guard    guard
	due      time.Time // next load
	fails    int       // loads that failed in a row
	trouble  error     // why the last one failed
	loadTook time.Duration
	loadEnd  time.Time

	gap     uint64              // a load begun before this ticket leaves changes out; 0: none
	pending map[string]struct{} // keys that changed and were not read yet
	saved   saved
}

// NewKeeper makes the keeper of tables that live in one database. feed is nil
// where the database has no change feed. The tables are loaded in the order
// given, except that domain is the first; those with a Refresh of their own
// beside the others.
func NewKeeper(options Options, feed Feed, tables ...*Table) *Keeper {
	clock := options.Now
	options = options.withDefaults()
	k := &Keeper{
		options:    options,
		feed:       feed,
		disk:       disk{dir: options.StateDir, identity: options.Identity, log: options.Log, create: os.CreateTemp},
		save:       make(chan struct{}, 1),
		positioned: make(chan struct{}),
		loose:      feed != nil,
		lanes:      []*lane{newLane(), newLane()},
	}
	for _, t := range tables {
		t.clock = clock
		t.metrics = options.Metrics.of(t.name)
		k.wards = append(k.wards, &ward{
			Table:   t,
			guard:   guard{share: options.ShrinkGuard, twice: t.policy.BelieveTwice},
			pending: map[string]struct{}{},
		})
	}
	slices.SortStableFunc(k.wards, func(a, b *ward) int { return first(a) - first(b) })
	for _, w := range k.wards {
		w.lane = k.lanes[0]
		if w.policy.Refresh > 0 {
			w.lane = k.lanes[1]
		}
		w.lane.wards = append(w.lane.wards, w)
	}
	options.Metrics.watch(k)
	return k
}

// first sorts the domain table before all others: it decides which mail is
// refused for good.
func first(w *ward) int {
	if w.name == "domain" {
		return 0
	}
	return 1
}

// Restore reads the disk copies, unless that was done. It takes milliseconds,
// two tenths of a second for two million rows.
func (k *Keeper) Restore() {
	k.mu.Lock()
	done := k.restored
	k.restored = true
	k.mu.Unlock()
	if done {
		return
	}
	for _, w := range k.wards {
		k.restore(w)
	}
	k.adjustGC()
}

// Run restores the disk copies, loads the tables, and keeps them right until
// ctx ends. What the database does shows in the log, the metrics and Status;
// it never ends Run.
func (k *Keeper) Run(ctx context.Context) {
	defer k.options.Metrics.unwatch(k)
	k.Restore()
	var loops sync.WaitGroup
	loops.Go(func() { k.follow(ctx) })
	for _, l := range k.lanes {
		loops.Go(func() { k.reload(ctx, l) })
	}
	loops.Go(func() { k.saveLoop(ctx) })
	loops.Wait()
	k.saveAll(true)
}

// Flush reads one key, or with an empty key the whole table, from the database
// now. What was held goes on being answered meanwhile, and if it fails.
func (k *Keeper) Flush(ctx context.Context, table, key string) error {
	w, err := k.ward(table)
	if err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	if key == "" {
		return k.load(ctx, w)
	}
	if f := w.perKey.Load(); f != nil {
		_, err := f.values(lookup.WithFresh(ctx), key)
		return err
	}
	patches, err := k.fetch(ctx, w, []string{key})
	if err != nil {
		return fmt.Errorf("flush: table %s: %w", table, err)
	}
	w.asks.recent.forget(key)
	w.put(patches)
	k.changed(w, 1)
	return nil
}

// Accept lets the reload that the shrink guard holds back pass: the table is
// read again and activated, unless it lost still more meanwhile. If the
// database does not answer, the next reading that succeeds is activated.
func (k *Keeper) Accept(ctx context.Context, table string) error {
	w, err := k.ward(table)
	if err != nil {
		return fmt.Errorf("accept: %w", err)
	}
	k.mu.Lock()
	held := w.guard.held
	w.guard.accepted = held != nil
	k.mu.Unlock()
	if held == nil {
		return fmt.Errorf("accept: table %s: no reload is held back", table)
	}
	k.options.Log.Warn("a held back reload was accepted by hand", "table", table, "rows", held.Rows, "lost", held.Lost)
	if err := k.load(ctx, w); err != nil {
		return fmt.Errorf("accept: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if held := w.guard.held; held != nil {
		return fmt.Errorf("accept: table %s: held back again, it changed meanwhile: %s", table, held.Reason)
	}
	return nil
}

func (k *Keeper) ward(table string) (*ward, error) {
	i := slices.IndexFunc(k.wards, func(w *ward) bool { return w.name == table })
	if i >= 0 {
		return k.wards[i], nil
	}
	var names []string
	for _, w := range k.wards {
		names = append(names, w.name)
	}
	return nil, fmt.Errorf("no table %.200q, there are %s", table, strings.Join(names, ", "))
}

// adjustGC tells the garbage collector how much headroom is right: a quarter
// of the tables, 32 MiB at least.
func (k *Keeper) adjustGC() {
	if k.options.SetGCPercent == nil {
		return
	}
	k.headroom.Lock() // lanes load beside one another, and the last word is the newest sum
	defer k.headroom.Unlock()
	const least = 32 << 20
	bytes := max(k.bytes(nil), 1)
	k.options.SetGCPercent(int(min((max(least, bytes/4)*100+bytes-1)/bytes, 100)))
}

// bytes is the memory of all tables but one.
func (k *Keeper) bytes(but *ward) (n int64) {
	for _, w := range k.wards {
		if w != but {
			n += w.state.Load().size()
		}
	}
	return n
}

// freeMemory gives memory of that size, which was just given up, back to the
// system, if it is worth a collection.
func freeMemory(bytes int64) {
	if bytes > 16<<20 {
		debug.FreeOSMemory()
	}
}

// jitter is up to a tenth less than d, so that hosts do not reload in step.
func jitter(d time.Duration) time.Duration {
	return d - time.Duration(rand.Int64N(int64(d)/10+1))
}

// poke wakes the loop that listens to c.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// sleep waits for d or the end of ctx, or c, and reports whether ctx goes on.
func sleep(ctx context.Context, d time.Duration, c <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}
