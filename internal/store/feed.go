package store

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"postern/internal/lookup"
	"postern/internal/table"
)

const (
	// feedWindow is how long a transaction may stay open after it noted a
	// change. Sequence numbers are given when a row is written and seen when it
	// is committed, so a number may turn up after higher ones.
	feedWindow = 60 * time.Second

	// feedLimit is the number of changes from which loading is cheaper.
	feedLimit = 100_000

	feedTriggers = 15 // insert, update, delete on five tables
)

// Feed follows postern_change (table.Feed).
//
// It keeps the highest number that each poll saw. Whatever a poll left unseen
// below its highest number is committed a window later, so each poll reads
// again from the highest number of a poll that a window later one has checked:
// the floor. After an outage the old floor still stands.
//
// Pruning takes the lowest numbers away. While the row at the floor stands,
// nothing above it was pruned, whatever gaps the numbers have (rolled back
// transactions, auto_increment_increment of a cluster). If it is gone, so may
// be changes that were not read, and ErrGap says so.
//
// A transaction that stays open for longer than the window after it noted a
// change is missed; the reload that compares whole tables finds it.
type Feed struct {
	newest *Statement
	since  *Statement
	now    func() time.Time
	limit  int

	mu    sync.Mutex
	ready bool // the position was taken
	gap   bool // to be told with the next answer

	position
	polls      []poll // those that saw a new highest number, oldest first
	shortUntil time.Time
}

// position is what is known of the feed.
type position struct {
	floor   uint64              // read from here on; 0: from the first
	highest uint64              // ever seen
	seen    map[uint64]struct{} // above the floor
	short   bool                // it looks back less than a window, and may miss what is open
}

// poll is the highest number that a poll saw, and when that was.
type poll struct {
	done    time.Time
	highest uint64
}

// Feed returns the change feed, or nil where it is not installed. It is an
// error if the table is there and some of its triggers are not.
func (s *Store) Feed(ctx context.Context) (*Feed, error) {
	q := feedQueriesOf(s.Driver())
	installed, err := s.hasFeed(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("change feed: %w", err)
	}
	if !installed {
		return nil, nil
	}
	type triggers struct{ Seen, Rights int }
	found, err := Read(ctx, s.Prepare(q.triggers), func(rows *sqlx.Rows) (found triggers, err error) {
		for rows.Next() {
			err = rows.Scan(&found.Seen, &found.Rights)
		}
		return found, err
	})
	if err != nil {
		return nil, fmt.Errorf("change feed: triggers: %w", err)
	}
	// Who may not see triggers sees none, and has to believe in them.
	if found.Seen != feedTriggers && (found.Seen > 0 || found.Rights > 0) {
		return nil, fmt.Errorf("change feed: %d of %d triggers are there: load __db/additions/postern_change.sql again", found.Seen, feedTriggers)
	}
	return &Feed{newest: s.Prepare(q.newest), since: s.Prepare(q.since), now: time.Now, limit: feedLimit}, nil
}

// hasFeed reports whether the table of the feed is there. That it is not is an
// answer, and no trouble of the database.
func (s *Store) hasFeed(ctx context.Context, q feedQueries) (bool, error) {
	installed := false
	err := s.run(ctx, func(ctx context.Context) error {
		rows, err := s.Prepare(q.columns).ask(ctx, nil)
		if MissingTable(err) {
			installed = false
			return nil
		}
		if err != nil {
			return err
		}
		installed = true
		return rows.Close()
	})
	if err != nil {
		return false, err
	}
	return installed, nil
}

func feedQueriesOf(driver string) feedQueries {
	q := feedQueries{
		columns: `SELECT seq, at, tbl, k FROM postern_change LIMIT 0`,
		since:   sinceChanges,
	}
	if driver == "sqlite" {
		q.newest = fmt.Sprintf(newestChanges, `at < strftime('%Y-%m-%d %H:%M:%f', 'now', '-60 seconds')`)
		q.triggers = `SELECT count(*), 1 FROM sqlite_master WHERE type = 'trigger'
			AND name GLOB 'postern_*_*' AND name <> 'postern_change_prune'`
		return q
	}
	// Seconds since 1970 know no hour that comes twice, whatever the time zone.
	q.newest = fmt.Sprintf(newestChanges, `UNIX_TIMESTAMP(at) < UNIX_TIMESTAMP() - 60`)
	q.triggers = `SELECT
		(SELECT count(*) FROM information_schema.TRIGGERS
			WHERE TRIGGER_SCHEMA = DATABASE() AND TRIGGER_NAME LIKE 'postern\_%'),
		(SELECT count(*) FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE = 'TRIGGER') +
		(SELECT count(*) FROM information_schema.SCHEMA_PRIVILEGES
			WHERE PRIVILEGE_TYPE = 'TRIGGER' AND DATABASE() LIKE TABLE_SCHEMA)`
	return q
}

// Changes returns what changed since the last call that gave no error, each
// key once. The first call takes the position and returns nothing. An error of
// the database loses nothing. table.ErrGap means that a new position was taken:
// load the tables, then go on; table.ErrNoFeed, that the feed was removed.
func (f *Feed) Changes(ctx context.Context) ([]table.Change, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.short && f.now().After(f.shortUntil) {
		f.lose()
	}
	var changes []table.Change
	if f.ready {
		var err error
		if changes, err = f.read(ctx); err != nil {
			return nil, f.explain(err)
		}
	}
	if f.ready {
		return changes, nil
	}
	if err := f.begin(ctx); err != nil {
		return nil, f.explain(err)
	}
	if f.gap {
		f.gap = false
		return nil, table.ErrGap
	}
	return nil, nil
}

// lose gives the position up.
func (f *Feed) lose() { f.ready, f.gap = false, true }

// explain says whether the feed is gone or the database.
func (f *Feed) explain(err error) error {
	if MissingTable(err) {
		f.lose()
		return table.ErrNoFeed
	}
	return fmt.Errorf("change feed: %w", err)
}

// begin makes the present the point to go on from. What is committed now is
// in the tables that are loaded afterwards; what is open is below, so the
// floor is the highest number from before the window.
func (f *Feed) begin(ctx context.Context) error {
	most := f.limit / 2 // leaves room for what follows
	p, err := Read(ctx, f.newest, func(rows *sqlx.Rows) (position, error) {
		return readPosition(rows, most)
	}, most+1)
	if err != nil {
		return err
	}
	now := f.now()
	f.position = p
	f.ready, f.polls = true, []poll{{now, p.highest}}
	f.shortUntil = now.Add(feedWindow)
	return nil
}

// readPosition goes back through the changes, to the last from before the
// window or as far as allowed.
func readPosition(rows *sqlx.Rows, most int) (position, error) {
	p := position{seen: map[uint64]struct{}{}}
	for rows.Next() {
		var seq uint64
		var old bool
		if err := rows.Scan(&seq, &old); err != nil {
			return p, err
		}
		p.highest = max(p.highest, seq)
		if full := len(p.seen) == most; old || full {
			p.floor, p.short = seq, !old
			return p, nil
		}
		p.seen[seq] = struct{}{}
	}
	return p, nil
}

// read polls once.
func (f *Feed) read(ctx context.Context) ([]table.Change, error) {
	start := f.now()
	entries, err := Read(ctx, f.since, readEntries, f.floor, f.limit+1)
	if err != nil {
		return nil, err
	}
	if f.floor > 0 {
		if len(entries) == 0 || entries[0].seq != f.floor {
			f.lose()
			return nil, nil
		}
		entries = entries[1:]
	}
	if len(entries) >= f.limit {
		f.lose()
		return nil, nil
	}
	return f.take(start, entries), nil
}

// entry is one row of postern_change.
type entry struct {
	seq        uint64
	table, key string
}

func readEntries(rows *sqlx.Rows) (entries []entry, err error) {
	for rows.Next() {
		var e entry
		if err := rows.Scan(&e.seq, &e.table, &e.key); err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// take tells what a poll found new, and moves the floor.
func (f *Feed) take(start time.Time, entries []entry) []table.Change {
	var changes []table.Change
	known := map[table.Change]struct{}{}
	before := f.highest
	for _, e := range entries {
		if _, twice := f.seen[e.seq]; twice {
			continue
		}
		f.seen[e.seq] = struct{}{}
		f.highest = max(f.highest, e.seq)
		change := table.Change{Table: e.table, Key: lookup.Fold(e.key)}
		if _, twice := known[change]; !twice {
			known[change] = struct{}{}
			changes = append(changes, change)
		}
	}
	f.raise(start)
	if f.highest > before {
		f.polls = append(f.polls, poll{f.now(), f.highest})
	}
	return changes
}

// raise moves the floor to the highest number of the last poll that was done a
// window before this one began: this one has read what that could not see.
func (f *Feed) raise(start time.Time) {
	n := 0
	for n < len(f.polls) && !f.polls[n].done.After(start.Add(-feedWindow)) {
		n++
	}
	if n == 0 {
		return
	}
	f.floor = max(f.floor, f.polls[n-1].highest)
	f.polls = f.polls[n:]
	for seq := range f.seen {
		if seq <= f.floor {
			delete(f.seen, seq)
		}
	}
}
