package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/internal/table"
)

// feedOn follows a fresh embedded database with a clock of its own.
func feedOn(t *testing.T) (*Store, *Feed, *time.Time) {
	t.Helper()
	s := newSQLite(t)
	f, err := s.Feed(t.Context())
	if err != nil || f == nil {
		t.Fatalf("feed %v, %v", f, err)
	}
	clock := time.Now()
	f.now = func() time.Time { return clock }
	return s, f, &clock
}

// TestFeedWindow plays commits and polls. "+5" commits change 5, "-5" prunes
// up to 5, "60s" lets time pass, "? 1 2" polls and wants the changes 1 and 2,
// "? gap" the error, "floor 5" looks where the next poll begins.
func TestFeedWindow(t *testing.T) {
	tests := []struct{ name, script string }{
		{"nothing", "? , ? "},
		{"position, then changes", "+1, ?, +2, ? 2, ? "},
		{"in order", "?, +1 +2 +3, ? 1 2 3, +4, ? 4"},
		{"committed out of order", "?, +1 +3, ? 1 3, 1s, +2, ? 2, ? "},
		{"late by almost a window", "?, +2, ? 2, 59s, ?, +1, ? 1"},
		{"open when the position was taken", "+1 +3, ?, +2, ? 2"},
		{"floor follows a window behind", "+1, ?, floor 0, 30s, +2, ? 2, floor 0, 30s, ?, floor 1, 29s, ?, floor 1, 1s, ?, floor 2"},
		{"outage keeps the floor", "+1, ?, 60s, +3, ? 3, floor 1, 10m, +2 +4, ? 2 4, floor 3"},
		{"late over an outage", "+1, ?, 60s, ?, floor 1, +5, ? 5, 2h, +2 +3 +4, ? 2 3 4"},
		{"gaps are no loss", "+1, ?, 60s, ?, +90 +700, ? 90 700, 60s, ?, floor 700, +2000, ? 2000"},
		{"pruned below the floor", "+1 +2 +3, ?, 60s, ?, floor 3, -2, +4, ? 4"},
		{"pruned past the floor", "+1 +2 +3, ?, 60s, ?, floor 3, +4 +5, -4, ? gap, ?, +6, ? 6"},
		{"everything pruned", "+1 +2, ?, 60s, ?, -2, ? gap, ? , +3, ? 3"},
		{"numbers start again", "+7, ?, 60s, ?, floor 7, -7, +1, ? gap, +2, ? 2"},
		{"one key often", "?, +1 +2, ? 1 2, same 9 10 11, ? same"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, f, clock := feedOn(t)
			for step := range strings.SplitSeq(tt.script, ",") {
				playFeed(t, s, f, clock, strings.Fields(step))
			}
		})
	}
}

func playFeed(t *testing.T, s *Store, f *Feed, clock *time.Time, words []string) {
	t.Helper()
	switch {
	case words[0] == "?":
		got, err := f.Changes(t.Context())
		var keys []string
		for _, c := range got {
			keys = append(keys, c.Key)
		}
		if errors.Is(err, table.ErrGap) {
			keys, err = append(keys, "gap"), nil
		}
		if err != nil || !slices.Equal(keys, words[1:]) {
			t.Fatalf("%v: got %v, %v", words, keys, err)
		}
	case words[0] == "floor":
		if got := fmt.Sprint(f.floor); got != words[1] {
			t.Fatalf("%v: floor is %s", words, got)
		}
		for seq := range f.seen {
			if seq <= f.floor {
				t.Fatalf("%d is remembered below the floor %d", seq, f.floor)
			}
		}
	case words[0] == "same":
		for _, seq := range words[1:] {
			mustExec(t, s, `INSERT INTO postern_change (seq, tbl, k) VALUES (`+seq+`, 'alias', 'SAME')`)
		}
	case strings.HasPrefix(words[0], "+"):
		for _, word := range words {
			mustExec(t, s, `INSERT INTO postern_change (seq, tbl, k) VALUES (`+word[1:]+`, 'alias', '`+word[1:]+`')`)
		}
	case strings.HasPrefix(words[0], "-"):
		mustExec(t, s, `DELETE FROM postern_change WHERE seq <= `+words[0][1:])
	default:
		d, err := time.ParseDuration(words[0])
		if err != nil {
			t.Fatal(err)
		}
		*clock = clock.Add(d)
	}
}

func addChanges(t *testing.T, s *Store, from, to int) {
	t.Helper()
	mustExec(t, s, fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		INSERT INTO postern_change (seq, tbl, k) SELECT i, 'alias', 'u' || i FROM n`, from, to))
}

// TestFeedTooMuch: a bulk change ends in a reload, and in a second one when
// the transactions are over that the shortened position could not see.
func TestFeedTooMuch(t *testing.T) {
	s, f, clock := feedOn(t)
	f.limit = 1000
	poll := func(wantChanges int, wantErr error) {
		t.Helper()
		got, err := f.Changes(t.Context())
		if len(got) != wantChanges || !errors.Is(err, wantErr) {
			t.Fatalf("%d changes, %v; want %d, %v", len(got), err, wantChanges, wantErr)
		}
	}
	poll(0, nil)
	addChanges(t, s, 1, 999)
	poll(999, nil)
	addChanges(t, s, 1000, 1000)
	poll(0, table.ErrGap)
	if want := uint64(500); f.floor != want {
		t.Errorf("position looks back to %d, want %d", f.floor, want)
	}
	addChanges(t, s, 1001, 1002)
	poll(2, nil)
	*clock = clock.Add(feedWindow)
	poll(0, nil)
	*clock = clock.Add(time.Second)
	poll(0, table.ErrGap)
}

// TestFeedLooksBack: a position begins with the last change from before the
// window.
func TestFeedLooksBack(t *testing.T) {
	s, f, _ := feedOn(t)
	mustExec(t, s, `INSERT INTO postern_change (seq, at, tbl, k) VALUES
		(3, strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 day'), 'alias', 'a'),
		(5, strftime('%Y-%m-%d %H:%M:%f', 'now', '-61 seconds'), 'alias', 'b'),
		(7, strftime('%Y-%m-%d %H:%M:%f', 'now', '-50 seconds'), 'alias', 'c')`)
	if got, err := f.Changes(t.Context()); len(got) > 0 || err != nil || f.floor != 5 {
		t.Fatalf("%v, %v, floor %d", got, err, f.floor)
	}
	addChanges(t, s, 6, 6) // was open
	if got, err := f.Changes(t.Context()); len(got) != 1 || err != nil {
		t.Errorf("%v, %v", got, err)
	}
}

func TestFeedOfTables(t *testing.T) {
	s, f, _ := feedOn(t)
	if _, err := f.Changes(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustExec(t, s, `INSERT INTO alias (address, goto) VALUES ('Straße@X.test', 'a')`,
		`INSERT INTO api_bans (ban_type, ban_value) VALUES ('domain', 'Bad.test')`)
	got, err := f.Changes(t.Context())
	want := []table.Change{{Table: "alias", Key: "strasse@x.test"}, {Table: "api_bans", Key: "domain:bad.test"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

func TestFeedInstallation(t *testing.T) {
	s, f, _ := feedOn(t)
	mustExec(t, s, `DROP TRIGGER postern_alias_delete`)
	if _, err := s.Feed(t.Context()); err == nil || !strings.Contains(err.Error(), "14 of 15 triggers") {
		t.Errorf("without a trigger: %v", err)
	}
	mustExec(t, s, `DROP TABLE postern_change`)
	if none, err := s.Feed(t.Context()); none != nil || err != nil {
		t.Errorf("without the table: %v, %v", none, err)
	}
	if _, err := f.Changes(t.Context()); !errors.Is(err, table.ErrNoFeed) {
		t.Errorf("removed under way: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Feed(t.Context()); err == nil {
		t.Error("a dead database has no feed")
	}
}
