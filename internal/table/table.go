// Package table holds whole database tables in memory, where lookups find
// them in well under a microsecond and without a database.
//
// # Why whole tables
//
// The list of hosted domains is asked for every sender and recipient, foreign
// ones too, by processes that do one lookup at a time. Behind a database 30 ms
// away it is the speed limit of the whole queue, and a cache does not help: a
// foreign domain is a miss. Loading everything once is cheaper than asking for
// a tenth of it.
//
// # Parts
//
// A [Table] answers lookups. A [Keeper], one per database, keeps its tables
// right: from the disk copy, by loading, by following the change feed. The
// rows come from a [Source], the changes from a [Feed].
//
// # Memory
//
// The rows of a table lie in an arena behind a compact index (together about
// 1.2 times keys and values for rows of 50 bytes) and are never written again. Keys that changed since stand in an overlay in front of it and are
// folded in by and by. The whole is swapped by one atomic pointer, so a lookup
// takes no lock and sees one moment of the table. A reload compares what it
// reads with what is held and makes anew only what differs. Values returned
// share that memory: they must not be changed, and holding one holds about
// 64 KiB.
//
// Past Options.MaxMemory a table is not held but asked per key, through the
// face that Options.PerKey puts in front of it. One whose policy says Whole is
// held all the same.
//
// # Reading all of it
//
// Who has to build something of all rows, such as a tree of networks, builds
// it from [Table.Range] and again when [Table.Generation] has changed, which
// costs nothing to ask.
//
// # How fresh
//
// With the feed a change is seen within a second. Without, tables are read
// again each Options.Refresh, or more often where Policy.Refresh says so: those
// small tables have a turn of their own and never wait for a large one.
//
// # What a miss is worth
//
// A key that is held is answered. A key that is not held does not exist if
// the table is known to be current: the feed, or the whole table, was read
// within one second. Otherwise the answer is [lookup.Unsure], or with
// [lookup.WithFresh] what the database says of that key, within the table's
// budget. [Policy] has the exceptions, which depend on what the answer does.
//
// Before anything is held each key is asked of the database, so the first
// answer does not wait for the load. With the database dead, too, the answer
// is a temporary error and never "not found".
//
// # The shrink guard
//
// An empty but reachable database (a restore in progress, a wrong name) refuses
// all mail at once, so a reload that loses more than Options.ShrinkGuard of
// the rows is held back, and what was held goes on being served. A row counts
// as lost if its key is gone. What lets a loss pass:
//
//   - [Keeper.Accept], by hand;
//   - for a loss of at most ten rows that leaves one, a second reading at
//     least 30 s later that finds the same;
//   - where the policy says BelieveTwice: such a small loss passes at once,
//     and any other with a second reading that finds almost the same.
//
// Rows that are over by themselves (Policy.Over) are no loss.
//
// Deletions that the feed reports are applied at once, unless they take more
// than ten rows, or all of several, and more than that share within one
// minute: then they are left out and the table is read again, which the guard
// judges. So one mass DELETE or a script that runs through in seconds stops
// nothing; deleting a table row by row over hours is taken for intended. While
// a reload is held back the feed's additions and updates go on being applied,
// its deletions wait.
//
// # The disk copy
//
// After each activated load, and at times when the overlay changed, the table
// is written to Options.StateDir: mode 0600, checksummed (CRC-32C), renamed
// into place when complete. It holds addresses, as the database does. A start
// answers from it in milliseconds with the database dead. A copy of another
// database, table or row encoding is not used; a damaged one is set aside as
// NAME.table.damaged. A full disk is a warning and a metric.
//
// # Known limits
//
// A reload that finds every row changed needs twice the memory for its time.
// A row that a transaction commits later than the feed looks back is found by
// the next full reload (Options.Reconcile).
//
// Source.Load must see one moment of the table (one statement does). An index reference has 32 bits, so
// a table ends at about 128 GiB.
package table

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"postern/internal/lookup"
)

// Where an answer came from, as [lookup.Step] and [Status] say it.
const (
	fromDatabase = "database"
	fromDisk     = "disk copy"
	fromMemory   = "memory"
)

// Table is one database table. It answers lookups from the moment it is made;
// a [Keeper] fills it. It is safe for concurrent use.
type Table struct {
	name    string
	src     Source
	policy  Policy
	seed    maphash.Seed
	clock   func() time.Time // nil: the system's
	metrics tableMetrics
	asks    *asks

	state   atomic.Pointer[snapshot]
	current atomic.Pointer[time.Time] // when the content was last known to be the database's
	perKey  atomic.Pointer[face]      // set: too large to be held
	tickets atomic.Uint64             // order in which the database was asked

	mu      sync.Mutex // of those who change state
	loading bool
}

// New makes the table name with the rows of src.
func New(name string, src Source, policy Policy) *Table {
	if policy.Budget == 0 {
		policy.Budget = 50
	}
	t := &Table{
		name:   name,
		src:    src,
		policy: policy,
		seed:   maphash.MakeSeed(),
		asks:   newAsks(policy.Budget),
	}
	t.state.Store(&snapshot{})
	return t
}

// Name is the name of the table.
func (t *Table) Name() string { return t.name }

// Values returns the values of a folded key in load order, none if it does not
// exist. The slice and its strings must not be changed. An error is temporary.
func (t *Table) Values(ctx context.Context, key string) ([]string, error) {
	s := t.state.Load()
	values := s.values(key)
	if len(values) > 0 && t.serves() {
		if trace := lookup.Trace(ctx); trace != nil {
			trace(t.held(s, key, values))
		}
		return values, nil
	}
	return t.beyond(ctx, s, key, len(values) > 0)
}

// Value returns the first value of a folded key.
func (t *Table) Value(ctx context.Context, key string) (value string, found bool, err error) {
	s := t.state.Load()
	v, held := s.first(key)
	if held && t.serves() {
		if trace := lookup.Trace(ctx); trace != nil {
			trace(t.held(s, key, s.values(key)))
		}
		return v, true, nil
	}
	values, err := t.beyond(ctx, s, key, held)
	if len(values) == 0 {
		return "", false, err
	}
	return values[0], true, err
}

// Lookup is Value, so that a table with one row per key is a [lookup.Map].
func (t *Table) Lookup(ctx context.Context, key string) (value string, found bool, err error) {
	return t.Value(ctx, key)
}

// Generation changes whenever the content does, and is 0 while nothing is
// held: before the first load without a disk copy, or past MaxMemory.
func (t *Table) Generation() uint64 {
	s := t.state.Load()
	if !s.loaded {
		return 0
	}
	return s.generation
}

// Range calls yield with every row held at this moment until it returns false;
// rows of one key come one after the other. Who wants to know later whether
// that is still all asks for the Generation before. The strings must be cloned
// by who keeps them: they share memory with rows around them.
func (t *Table) Range(yield func(key, value string) bool) {
	t.state.Load().each(yield)
}

// serves reports whether what is held may be answered still.
func (t *Table) serves() bool {
	if t.policy.Positive == 0 {
		return true
	}
	at := t.current.Load()
	return at != nil && t.since(*at) <= t.policy.Positive
}

// age is how long ago the table was known to be current; known is false if it
// never was.
func (t *Table) age() (age time.Duration, known bool) {
	at := t.current.Load()
	if at == nil {
		return 0, false
	}
	return t.since(*at), true
}

// since is the time since at. Most of a lookup's time goes into the clock, and
// time.Since reads less of it than time.Now.
func (t *Table) since(at time.Time) time.Duration {
	if t.clock == nil {
		return time.Since(at)
	}
	return t.clock().Sub(at)
}

func (t *Table) now() time.Time {
	if t.clock == nil {
		return time.Now()
	}
	return t.clock()
}
