package table

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// ranged is what Range shows: key and value, sorted.
func ranged(tb *Table) []string {
	var rows []string
	for key, value := range tb.Range {
		rows = append(rows, key+"="+value)
	}
	slices.Sort(rows)
	return rows
}

func TestRangeFollowsTheContent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := filled(3)
		db.set("api_bans", "ip:192.0.2.1", "- a", "- b")
		b := start(t, db, db, Options{StateDir: t.TempDir()})
		time.Sleep(2 * time.Second)
		bans := b.tables["api_bans"]
		steps := []struct {
			name    string
			do      func()
			want    []string
			changed bool
		}{
			{"as loaded", func() {}, []string{"domain:bad.example=- spam", "ip:192.0.2.1=- a", "ip:192.0.2.1=- b"}, false},
			{"a row by the feed", func() { db.set("api_bans", "name:x", "- c") },
				[]string{"domain:bad.example=- spam", "ip:192.0.2.1=- a", "ip:192.0.2.1=- b", "name:x=- c"}, true},
			{"the same again", func() { db.set("api_bans", "name:x", "- c") },
				[]string{"domain:bad.example=- spam", "ip:192.0.2.1=- a", "ip:192.0.2.1=- b", "name:x=- c"}, false},
			{"one of two rows", func() { db.set("api_bans", "ip:192.0.2.1", "- b") },
				[]string{"domain:bad.example=- spam", "ip:192.0.2.1=- b", "name:x=- c"}, true},
			{"a revocation", func() { db.set("api_bans", "name:x") },
				[]string{"domain:bad.example=- spam", "ip:192.0.2.1=- b"}, true},
			{"a reload that finds nothing new", func() { b.Flush(t.Context(), "api_bans", "") },
				[]string{"domain:bad.example=- spam", "ip:192.0.2.1=- b"}, false},
			{"the database away", func() { db.fail(errDown); time.Sleep(time.Hour) },
				[]string{"domain:bad.example=- spam", "ip:192.0.2.1=- b"}, false},
		}
		for _, step := range steps {
			before := bans.Generation()
			step.do()
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if got := ranged(bans); !slices.Equal(got, step.want) {
				t.Errorf("%s: %q, want %q", step.name, got, step.want)
			}
			if changed := bans.Generation() != before; changed != step.changed {
				t.Errorf("%s: generation %d after %d", step.name, bans.Generation(), before)
			}
		}
		for range bans.Range {
			break // must end it
		}
	})
}

func TestGenerationOfNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, dir := filled(3), t.TempDir()
		db.fail(errDown)
		b := start(t, db, nil, Options{StateDir: dir})
		bans := b.tables["api_bans"]
		time.Sleep(time.Minute)
		if g := bans.Generation(); g != 0 || len(ranged(bans)) > 0 {
			t.Errorf("generation %d of nothing", g)
		}
		db.fail(nil)
		time.Sleep(5 * time.Second)
		if g := bans.Generation(); g != 1 || len(ranged(bans)) != 1 {
			t.Errorf("generation %d, %q", g, ranged(bans))
		}
		b.stop()

		db.fail(errDown)
		again := start(t, db, nil, Options{StateDir: dir}).tables["api_bans"]
		if g := again.Generation(); g != 1 || len(ranged(again)) != 1 {
			t.Errorf("from the disk copy: generation %d, %q", g, ranged(again))
		}
	})
}

// TestBansAreSeenWithinFiveSeconds: without a feed, while another table takes
// a minute to load.
func TestBansAreSeenWithinFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := filled(3)
		b := start(t, db, nil, Options{})
		time.Sleep(time.Second)
		slow := make(chan struct{})
		defer close(slow)
		db.with(func() { db.midLoad = func(int) { <-slow } })
		go b.Flush(t.Context(), "alias", "")
		synctest.Wait()
		db.with(func() { db.midLoad = nil })
		for i := range 5 {
			key := fmt.Sprint("ip:192.0.2.", i)
			db.set("api_bans", key, "- x")
			time.Sleep(5 * time.Second)
			b.expect(t, "api_bans", key, "found")
			db.set("api_bans", key)
			time.Sleep(5 * time.Second)
			b.expect(t, "api_bans", key, "not found")
		}
	})
}

func TestRefreshOfATable(t *testing.T) {
	for _, tt := range []struct {
		table                string
		configured, loadTook time.Duration
		want                 time.Duration
	}{
		{"alias", time.Minute, 0, time.Minute},
		{"alias", time.Minute, 10 * time.Second, time.Minute},
		{"api_bans", time.Minute, 0, bansRefresh},
		{"api_bans", time.Minute, 100 * time.Millisecond, bansRefresh},
		{"api_bans", time.Minute, time.Second, 9 * time.Second},
		{"api_bans", time.Minute, time.Minute, time.Minute},
		{"api_bans", time.Second, 0, time.Second}, // never less often than is configured
	} {
		k := NewKeeper(Options{Refresh: tt.configured}, nil, New(tt.table, nil, StandardPolicy(tt.table)))
		k.wards[0].loadTook = tt.loadTook
		if got := k.refresh(k.wards[0]); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

// TestBansThatExpireAreNoLoss: the ends of many bans are no reason to hold a
// reload back.
func TestBansThatExpireAreNoLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newFakeDB()
		expiry := time.Now().Add(time.Minute).UnixMicro()
		for i := range 100 {
			db.set("api_bans", fmt.Sprint("ip:192.0.2.", i), fmt.Sprintf("%d brute force", expiry))
		}
		for i := range 20 {
			db.set("api_bans", fmt.Sprint("ip:198.51.100.", i), "- for ever")
		}
		b := start(t, db, nil, Options{})
		time.Sleep(time.Minute)
		for i := range 100 {
			db.set("api_bans", fmt.Sprint("ip:192.0.2.", i)) // as the source leaves them out
		}
		time.Sleep(5 * time.Second)
		if s := b.status("api_bans"); s.Rows != 20 || s.Held != nil {
			t.Errorf("%+v", s)
		}
		for i := range 11 {
			db.set("api_bans", fmt.Sprint("ip:198.51.100.", i))
		}
		time.Sleep(5 * time.Second)
		if s := b.status("api_bans"); s.Rows != 20 || s.Held == nil || s.Held.Lost != 11 {
			t.Errorf("revoked in a mass: %+v", s)
		}
	})
}

func TestWholeTableIsHeldPastMaxMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := filled(20000)
		for i := range 2000 {
			db.set("api_bans", fmt.Sprint("ip:", i), "- x")
		}
		b := start(t, db, nil, Options{MaxMemory: 200 << 10})
		time.Sleep(time.Second)
		if s := b.status("alias"); s.Source != "per key" {
			t.Errorf("%+v", s)
		}
		if s := b.status("api_bans"); s.Source != "database" || s.Rows != 2001 {
			t.Errorf("%+v", s)
		}
		// Of a content that is too large by itself nothing is taken.
		saved := maps.Clone(db.tables["api_bans"])
		for i := range 20000 {
			db.set("api_bans", fmt.Sprint("ip:", i), "- x")
		}
		time.Sleep(time.Minute)
		if s := b.status("api_bans"); s.Source != "database" || s.Rows != 2001 || s.Trouble == nil {
			t.Errorf("%+v", s)
		}
		db.with(func() { db.tables["api_bans"] = saved })
		time.Sleep(5 * time.Second)
		if s := b.status("api_bans"); s.Rows != 2001 || s.Trouble != nil {
			t.Errorf("%+v", s)
		}
	})
}
