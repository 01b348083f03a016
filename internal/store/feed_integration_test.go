//go:build integration

package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
	"postern/internal/table"
)

// TestMariaDBFeedLooksBack: a position begins with the last change from before
// the window, whatever the time zone.
func TestMariaDBFeedLooksBack(t *testing.T) {
	s := openStore(t, optionsOf(scratchtest.Database(t, scratch.MariaDBOptions{ExtraArgs: []string{"--default-time-zone=+05:00"}})))
	mustExec(t, s, `INSERT INTO postern_change (seq, at, tbl, k) VALUES
		(3, NOW(6) - INTERVAL 1 DAY, 'alias', 'a'), (5, NOW(6) - INTERVAL 62 SECOND, 'alias', 'b'),
		(7, NOW(6) - INTERVAL 50 SECOND, 'alias', 'c')`)
	feed, err := s.Feed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := feed.Changes(t.Context()); len(got) > 0 || err != nil || feed.floor != 5 || feed.highest != 7 {
		t.Errorf("%v, %v, floor %d, highest %d", got, err, feed.floor, feed.highest)
	}
}

// TestMariaDBFeedOverlaps: transactions commit in another order than that of
// their numbers, and none is lost; a feed that was away finds all.
func TestMariaDBFeedOverlaps(t *testing.T) {
	s := openStore(t, optionsOf(scratchtest.Database(t, scratch.MariaDBOptions{})))
	feed, err := s.Feed(t.Context())
	if err != nil || feed == nil {
		t.Fatalf("%v, %v", feed, err)
	}
	got := map[string]int{}
	poll := func() {
		t.Helper()
		changes, err := feed.Changes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range changes {
			got[c.Table+" "+c.Key]++
		}
	}
	poll()
	slow, err := s.DB().BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Rollback()
	if _, err := slow.Exec("INSERT INTO domain (name) VALUES ('Slow.test')"); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 50 {
				if err := writeSlowly(s, fmt.Sprintf("w%d-%d.test", worker, i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	finished := make(chan struct{})
	go func() { wg.Wait(); close(finished) }()
	for done := false; !done; {
		select {
		case <-finished:
			done = true
		default:
		}
		poll()
	}
	if got["domain slow.test"] != 0 {
		t.Error("a change before its commit")
	}
	if err := slow.Commit(); err != nil {
		t.Fatal(err)
	}
	poll()
	if len(got) != 201 || got["domain slow.test"] != 1 {
		t.Errorf("%d changes, want 201; the slow one came %d times", len(got), got["domain slow.test"])
	}
	for key, n := range got {
		if n != 1 {
			t.Errorf("%s came %d times", key, n)
		}
	}
}

// writeSlowly commits a row some time after its number was given.
func writeSlowly(s *Store, name string) error {
	tx, err := s.DB().BeginTxx(context.Background(), nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.Exec("INSERT INTO domain (name) VALUES (?)", name); err != nil {
		return err
	}
	if _, err := tx.Exec("SELECT SLEEP(RAND() / 50)"); err != nil {
		return err
	}
	return tx.Commit()
}

func TestMariaDBFeedInstallation(t *testing.T) {
	m := scratchtest.Database(t, scratch.MariaDBOptions{})
	s := openStore(t, optionsOf(m))
	// Who may only read sees no triggers, and follows all the same.
	err := m.Exec(t.Context(), "CREATE USER reader@'%' IDENTIFIED BY 'r'; GRANT SELECT ON "+m.Database()+".* TO reader@'%'")
	if err != nil {
		t.Fatal(err)
	}
	o := optionsOf(m)
	o.User, o.Password = "reader", "r"
	reader := openStore(t, o)
	feed, err := reader.Feed(t.Context())
	if err != nil || feed == nil {
		t.Fatalf("with SELECT alone: %v, %v", feed, err)
	}
	if _, err := feed.Changes(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustExec(t, s, "INSERT INTO domain (name) VALUES ('X.test')")
	if got, err := feed.Changes(t.Context()); err != nil || !slices.Equal(got, []table.Change{{Table: "domain", Key: "x.test"}}) {
		t.Errorf("%v, %v", got, err)
	}
	mustExec(t, s, "DROP TRIGGER postern_alias_delete")
	if _, err := s.Feed(t.Context()); err == nil || !strings.Contains(err.Error(), "14 of 15") {
		t.Errorf("without one trigger: %v", err)
	}
	for _, name := range []string{"alias", "alias_handle", "domain", "smtp_sender_acl", "api_bans"} {
		for _, event := range []string{"insert", "update", "delete"} {
			mustExec(t, s, "DROP TRIGGER IF EXISTS postern_"+name+"_"+event)
		}
	}
	if _, err := s.Feed(t.Context()); err == nil || !strings.Contains(err.Error(), "0 of 15") {
		t.Errorf("without any trigger: %v", err)
	}
	mustExec(t, s, "DROP TABLE postern_change")
	if none, err := s.Feed(t.Context()); none != nil || err != nil {
		t.Errorf("without the table: %v, %v", none, err)
	}
	if _, err := feed.Changes(t.Context()); !errors.Is(err, table.ErrNoFeed) {
		t.Errorf("removed under way: %v", err)
	}
}
