package table

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/lookup"
)

func TestFeedIsSeenWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := filled(1000)
		db.latency = 30 * time.Millisecond
		b := start(t, db, db, Options{})
		time.Sleep(3 * time.Second)
		for i := range 20 {
			key := fmt.Sprint("new", i)
			time.Sleep(time.Duration(i) * 53 * time.Millisecond)
			b.expect(t, "alias", key, "not found")
			db.set("alias", key, "value")
			db.set("alias", fmt.Sprint("a", i))
			time.Sleep(1100 * time.Millisecond)
			b.expect(t, "alias", key, "found")
			b.expect(t, "alias", fmt.Sprint("a", i), "not found")
		}
		if n := db.loads.Load(); n != 5 {
			t.Errorf("%d loads, want one of each table", n)
		}
	})
}

// A dictionary attack costs the database nothing while the feed is followed.
func TestFeedVouchesWithoutABreak(t *testing.T) {
	for _, latency := range []time.Duration{0, 30 * time.Millisecond, 200 * time.Millisecond} {
		t.Run(latency.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := filled(1000)
				db.latency = latency
				b := start(t, db, db, Options{})
				time.Sleep(10 * time.Second)
				gets, polls := db.gets.Load(), db.polls.Load()
				for i := range 30000 {
					b.expect(t, "alias", fmt.Sprint("guess", i), "not found")
					time.Sleep(time.Millisecond)
				}
				if n := db.gets.Load() - gets; n != 0 {
					t.Errorf("%d questions", n)
				}
				if n := db.polls.Load() - polls; n > 60 {
					t.Errorf("the feed was read %d times in 30 s", n)
				}
			})
		})
	}
}

// An alias that is asked for all the time is refused by nobody 1.5 s after it
// was made.
func TestAskedForBeforeItsCreation(t *testing.T) {
	for _, feed := range []bool{true, false} {
		t.Run(fmt.Sprint("feed=", feed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := filled(1000)
				db.latency = 30 * time.Millisecond
				var b *bench
				if feed {
					b = start(t, db, db, Options{})
				} else {
					b = start(t, db, nil, Options{})
				}
				time.Sleep(20 * time.Second)
				made := time.Now().Add(3 * time.Second)
				for time.Since(made) < 5*time.Second {
					if since := time.Since(made); since >= 0 {
						db.with(func() {
							if db.tables["alias"]["new"] == nil {
								db.tables["alias"]["new"] = []string{"value"}
								db.changes = append(db.changes, Change{"alias", "new"})
							}
						})
					}
					asked := time.Since(made)
					got, _, err := outcome(t.Context(), b.tables["alias"], "new")
					if got == "unsure" {
						got, _, err = outcome(lookup.WithFresh(t.Context()), b.tables["alias"], "new")
					}
					if asked > 1500*time.Millisecond && got != "found" {
						t.Fatalf("%v after it was made: %s, %v", asked, got, err)
					}
					time.Sleep(time.Millisecond)
				}
			})
		})
	}
}

func TestChangeDuringALoadIsNotLost(t *testing.T) {
	for _, latency := range []time.Duration{0, 30 * time.Millisecond, 3 * time.Second} {
		t.Run(latency.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := filled(1000)
				db.midLoad = func(row int) {
					time.Sleep(5 * time.Millisecond) // the load takes 5 s, the feed goes on
					if row == 500 {
						db.set("alias", "a1", "elsewhere") // read already
						db.set("alias", "a10")
						db.set("alias", "zzz", "new")
					}
				}
				b := start(t, db, db, Options{})
				time.Sleep(6 * time.Second)
				db.with(func() { db.midLoad, db.latency = nil, latency })
				time.Sleep(2*latency + 1200*time.Millisecond)
				if v, _, err := b.tables["alias"].Value(t.Context(), "a1"); v != "elsewhere" {
					t.Errorf("a1 is %q, %v", v, err)
				}
				b.expect(t, "alias", "zzz", "found")
				if v, ok, _ := b.tables["alias"].Value(t.Context(), "a10"); ok {
					t.Errorf("a10 is there: %q", v)
				}
			})
		})
	}
}

// The first read of the feed fails, the loads do not: what changed between
// them and the first position is found by loading again.
func TestLoadWithoutAPositionIsDoneAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := filled(10)
		feed := &flakyFeed{db: db}
		feed.set(errDown)
		b := start(t, db, feed, Options{})
		b.expect(t, "alias", "a1", "found")
		db.with(func() { db.silent = true })
		db.set("alias", "new", "value") // before there is a position: never reported
		db.with(func() { db.silent = false })
		feed.set(nil)
		time.Sleep(3 * time.Second)
		b.expect(t, "alias", "new", "found")
		if n := db.loads.Load(); n != 10 {
			t.Errorf("%d loads, want two of each", n)
		}
	})
}

type flakyFeed struct {
	db *fakeDB
	trouble
}

func (f *flakyFeed) Changes(ctx context.Context) ([]Change, error) {
	if err := f.get(); err != nil {
		return nil, err
	}
	return f.db.Changes(ctx)
}

// trouble is an error that a test sets.
type trouble struct {
	mu  sync.Mutex
	now error
}

func (e *trouble) get() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.now
}

func (e *trouble) set(now error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.now = now
}

func TestGapLoadsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := filled(10)
		b := start(t, db, db, Options{})
		time.Sleep(10 * time.Second)
		db.with(func() {
			db.tables["alias"]["new"] = []string{"value"} // no trigger told
			db.gap = true
		})
		time.Sleep(1100 * time.Millisecond)
		b.expect(t, "alias", "new", "found")
		if n := db.loads.Load(); n != 10 {
			t.Errorf("%d loads, want two of each table", n)
		}
	})
}

// A transaction that was open for long is reported late and out of order, and
// other changes are reported twice.
func TestLateAndRepeatedChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := filled(10)
		b := start(t, db, db, Options{})
		time.Sleep(2 * time.Second)
		db.set("alias", "second", "1")
		time.Sleep(2 * time.Second)
		db.set("alias", "first", "1")
		db.with(func() { db.changes = append(db.changes, Change{"alias", "second"}, Change{"nonsense", "x"}) })
		db.set("alias", "second", "2")
		time.Sleep(2 * time.Second)
		b.expect(t, "alias", "first", "found")
		if v, _, _ := b.tables["alias"].Value(t.Context(), "second"); v != "2" {
			t.Errorf("second is %q", v)
		}
	})
}

func TestManyChangesAreLoaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := filled(1000)
		b := start(t, db, db, Options{})
		time.Sleep(2 * time.Second)
		gets := db.gets.Load()
		for i := range 20000 {
			db.set("alias", fmt.Sprint("bulk", i), "value")
		}
		time.Sleep(1100 * time.Millisecond)
		b.expect(t, "alias", "bulk19999", "found")
		time.Sleep(1100 * time.Millisecond)
		b.expect(t, "alias", "nobody", "not found")
		if n := db.gets.Load() - gets; n != 0 {
			t.Errorf("%d keys were asked for", n)
		}
	})
}

func TestDatabaseGoesAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := filled(1000)
		b := start(t, db, db, Options{})
		time.Sleep(10 * time.Second)
		fresh := lookup.WithFresh(t.Context())
		db.fail(errDown)
		time.Sleep(30 * time.Second)
		b.expect(t, "alias", "a1", "found")
		if got, _, err := outcome(fresh, b.tables["alias"], "nobody"); got != "not found" {
			t.Errorf("a miss after 30 s: %s, %v", got, err)
		}
		time.Sleep(31 * time.Second)
		if got, _, err := outcome(fresh, b.tables["alias"], "nobody"); got != "unsure" || !errors.Is(err, errDown) {
			t.Errorf("a miss after 61 s: %s, %v", got, err)
		}
		b.expect(t, "domain", "nobody.example", "not found")
		b.expect(t, "smtp_sender_acl", "shared@example.org", "found")
		time.Sleep(15 * time.Minute)
		b.expect(t, "smtp_sender_acl", "shared@example.org", "error")
		b.expect(t, "alias", "a1", "found")
		if err := b.Ready(); err != nil {
			t.Errorf("not ready, with all tables held: %v", err)
		}
		b.expect(t, "domain", "example.org", "found")
		b.expect(t, "api_bans", "domain:bad.example", "found")

		db.set("alias", "new", "value")
		db.fail(nil)
		time.Sleep(2 * time.Second)
		b.expect(t, "alias", "new", "found")
		b.expect(t, "alias", "nobody", "not found")
		b.expect(t, "smtp_sender_acl", "shared@example.org", "found")
	})
}

// While a changed key cannot be read, the feed vouches for nothing.
func TestChangedKeyThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := filled(10)
		b := start(t, db, db, Options{})
		time.Sleep(2 * time.Second)
		db.with(func() { db.badKey = "poison" })
		db.set("alias", "poison", "value")
		db.set("alias", "good", "value")
		time.Sleep(3 * time.Second)
		b.expect(t, "alias", "nobody", "unsure")
		if b.status("alias").Trouble == nil {
			t.Error("no trouble shows")
		}
		db.with(func() { db.badKey = "" })
		time.Sleep(3 * time.Second)
		b.expect(t, "alias", "poison", "found")
		b.expect(t, "alias", "good", "found")
		b.expect(t, "alias", "nobody", "not found")
	})
}

func TestMassDeleteByTheFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := filled(1000)
		b := start(t, db, db, Options{})
		time.Sleep(2 * time.Second)
		for i := range 400 { // few enough to be read one by one
			db.set("alias", fmt.Sprint("a", i))
		}
		db.set("alias", "new", "value")
		time.Sleep(2 * time.Second)
		b.expect(t, "alias", "a1", "found")
		b.expect(t, "alias", "new", "found")
		if s := b.status("alias"); s.Held == nil || s.Held.Rows != 601 {
			t.Errorf("%+v", s)
		}
		db.set("alias", "a900") // waits with the others
		db.set("alias", "new2", "value")
		time.Sleep(10 * time.Minute)
		b.expect(t, "alias", "a900", "found")
		b.expect(t, "alias", "new2", "found")
		b.expect(t, "alias", "nobody", "unsure")
		if err := b.Accept(t.Context(), "alias"); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Second)
		b.expect(t, "alias", "a1", "not found")
		b.expect(t, "alias", "a900", "not found")
		b.expect(t, "alias", "new2", "found")
	})
}

func TestBrokenFeedFallsBackToReloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := filled(10)
		feed := &flakyFeed{db: db}
		b := start(t, db, feed, Options{})
		time.Sleep(10 * time.Minute)
		if n := db.loads.Load(); n != 5 {
			t.Errorf("%d loads with a feed", n)
		}
		feed.set(errors.New("table postern_change does not exist"))
		db.with(func() { db.silent = true })
		db.set("alias", "new", "value")
		time.Sleep(time.Minute + 2*time.Second)
		b.expect(t, "alias", "new", "found")
	})
}

func TestFeedThatIsInstalledLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := filled(10)
		feed := &flakyFeed{db: db}
		feed.set(fmt.Errorf("%w: load it", ErrNoFeed))
		b := start(t, db, feed, Options{})
		db.with(func() { db.silent = true })
		db.set("alias", "new", "value")
		time.Sleep(time.Minute)
		b.expect(t, "alias", "new", "found")
		if s := b.status("alias"); s.Trouble != nil {
			t.Errorf("trouble: %v", s.Trouble)
		}
		db.set("alias", "before the triggers", "value")
		feed.set(nil)
		db.with(func() { db.silent = false })
		time.Sleep(time.Minute + time.Second)
		db.set("alias", "after", "value")
		time.Sleep(1100 * time.Millisecond)
		b.expect(t, "alias", "before the triggers", "found")
		b.expect(t, "alias", "after", "found")
		loads := db.loads.Load()
		time.Sleep(10 * time.Minute)
		if n := db.loads.Load() - loads; n != 0 {
			t.Errorf("%d loads in ten minutes with a feed", n)
		}
	})
}
