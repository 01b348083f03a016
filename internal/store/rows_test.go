package store

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/internal/lookup"
)

// oddRows are rows of every kind that a table may hold, for both drivers; the
// schema of MariaDB refuses some of them, which are marked.
var oddRows = []struct {
	statement  string
	sqliteOnly bool
}{
	{"INSERT INTO domain (name, active) VALUES ('Example.COM', 1), ('off.test', 0), ('two.test', 2), ('münchen.test', 1)", false},
	{"INSERT INTO alias (address, `goto`, active) VALUES" +
		" ('Jose@x.test', 'Plain@Example.com', 1)," +
		" ('straße@x.test', 'sharp', 1), ('ÉMILE@x.test', 'accent', 1)," +
		" ('İ@x.test', 'dotted', 1), ('ΣΑΣ@x.test', 'sigma', 1)," +
		" ('off@x.test', 'nowhere', 0), ('two@x.test', 'nowhere', 2)," +
		" ('empty@x.test', '', 1), ('blank@x.test', '  ', 1)," +
		" ('tab@x.test', ' \t\n', 1), ('list@x.test', ' a@b, c@d ', 1)," +
		" ('@x.test', 'catchall', 1), ('', 'no key', 1)," +
		" ('per%cent_@x.test', 'wild', 1), ('q''uote\"@x.test', 'quoted', 1)," +
		" ('trail@x.test ', 'trailing', 1), (' lead@x.test', 'leading', 1)," +
		" ('😀@x.test', 'emoji', 1)", false},
	{"INSERT INTO alias (address, `goto`) VALUES ('josé@x.test', 'other'), ('trail@x.test', 'none'), ('émile@x.test', 'same key'), ('strasse@x.test', 'as well')", true},
	{"INSERT INTO alias_handle (handle, address, active) VALUES" +
		" ('Jo', 'jo@y.test', 1), ('null', NULL, 1), ('empty', '', 1), ('off', 'x@y.test', 0)", false},
	{"INSERT INTO smtp_sender_acl (login, sender, active) VALUES" +
		" ('Zoe', 'Shared@x.test', 1), ('adam', 'shared@x.test', 1), ('off', 'shared@x.test', 0), ('', 'none@x.test', 1)", false},
	{"INSERT INTO api_bans (ban_type, ban_value, reason, expires_at, revoked_at) VALUES" +
		" ('domain', 'Bad.test', 'spam', NULL, NULL)," +
		" ('domain', 'bad.test', NULL, '2100-01-02 03:04:05.678901', NULL)," +
		" ('domain', 'later.test', '', '2100-01-01 00:00:00', NULL)," +
		" ('domain', 'over.test', 'past', '2020-01-01 00:00:00', NULL)," +
		" ('domain', 'revoked.test', 'x', NULL, '2020-01-01 00:00:00')," +
		" ('email', 'a@bad.test', 'two  words', NULL, NULL), ('name', 'bad.test', 'name', NULL, NULL)," +
		" ('ip', '2001:db8::1', 'v6', NULL, NULL)", false},
	{"INSERT INTO api_bans (ban_type, ban_value, reason, expires_at) VALUES" +
		" ('ip', '192.0.2.1', 'T', '2100-01-01T00:00:00Z'), ('ip', '192.0.2.2', 'junk', 'next year')", true},
}

// wantRows is what oddRows are as keys and values, on SQLite and on both.
var wantRows = map[string]map[string][]string{
	"domain": {"example.com": {"1"}, "off.test": {"0"}, "two.test": {"0"}, "münchen.test": {"1"}},
	"alias": {
		"jose@x.test": {"Plain@Example.com"}, "strasse@x.test": {"sharp"}, "émile@x.test": {"accent"},
		"i̇@x.test": {"dotted"}, "σασ@x.test": {"sigma"}, "list@x.test": {" a@b, c@d "}, "@x.test": {"catchall"},
		"per%cent_@x.test": {"wild"}, `q'uote"@x.test`: {"quoted"}, "trail@x.test ": {"trailing"},
		" lead@x.test": {"leading"}, "😀@x.test": {"emoji"},
	},
	"alias_handle":    {"jo": {"jo@y.test"}},
	"smtp_sender_acl": {"shared@x.test": {"Zoe", "adam"}},
	"api_bans": {
		"domain:bad.test":   {"- spam", "4102542245678901 "},
		"domain:later.test": {"4102444800000000 "},
		"email:a@bad.test":  {"- two  words"},
		"name:bad.test":     {"- name"},
		"ip:2001:db8::1":    {"- v6"},
	},
}

var wantSQLiteRows = map[string]map[string][]string{
	"alias": {
		"josé@x.test": {"other"}, "trail@x.test": {"none"}, "émile@x.test": {"accent", "same key"},
		"strasse@x.test": {"as well", "sharp"},
	},
	"api_bans": {"ip:192.0.2.1": {"4102444800000000 T"}, "ip:192.0.2.2": {"- junk"}},
}

// missing are keys that resemble one of oddRows and are none.
var missing = map[string][]string{
	"domain":          {"x.test", "munchen.test", "example.com ", " example.com", "example.com\x00", "example.com\xff", ""},
	"alias":           {"off@x.test", "empty@x.test", "blank@x.test", "tab@x.test", "emile@x.test", "jose@x.test ", "jose@x.test\x00", "jose@x.test\xc3", "", "per1cent1@x.test", "%", "σασ", "lead@x.test", strings.Repeat("x", 10_000)},
	"alias_handle":    {"null", "empty", "off", "jo ", "jò"},
	"smtp_sender_acl": {"none@x.test", "zoe"},
	"api_bans":        {"domain:over.test", "domain:revoked.test", "bad.test", ":", "", "other:bad.test", "domain:", "email:bad.test", "domain:bad.test "},
}

func loadAll(t testing.TB, s *Store, table string) map[string][]string {
	t.Helper()
	rows, err := s.Rows(table)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	err = rows.Load(t.Context(), func(key, value []byte) error {
		got[string(key)] = append(got[string(key)], string(value))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, values := range got {
		slices.Sort(values)
	}
	return got
}

// checkRows holds Load to what is wanted, and Get to Load.
func checkRows(t *testing.T, s *Store, table string, want map[string][]string) {
	t.Helper()
	loaded := loadAll(t, s, table)
	if !maps.EqualFunc(loaded, want, slices.Equal) {
		t.Errorf("load %s:\n got %q\nwant %q", table, loaded, want)
	}
	rows, err := s.Rows(table)
	if err != nil {
		t.Fatal(err)
	}
	for key, values := range want {
		for _, spelling := range []string{key, strings.ToUpper(key)} {
			if lookup.Fold(spelling) != key {
				continue
			}
			got, err := rows.Get(t.Context(), spelling)
			slices.Sort(got)
			if err != nil || !slices.Equal(got, values) {
				t.Errorf("get %q from %s: %q, %v, want %q", spelling, table, got, err, values)
			}
		}
	}
	for _, key := range missing[table] {
		if _, there := want[key]; there {
			continue
		}
		if got, err := rows.Get(t.Context(), key); err != nil || len(got) > 0 {
			t.Errorf("get %q from %s: %q, %v, want nothing", key, table, got, err)
		}
	}
}

func TestRowsSQLite(t *testing.T) {
	s := newSQLite(t)
	for _, row := range oddRows {
		mustExec(t, s, row.statement)
	}
	for table, both := range wantRows {
		t.Run(table, func(t *testing.T) {
			want := maps.Clone(both)
			maps.Copy(want, wantSQLiteRows[table])
			checkRows(t, s, table, want)
		})
	}
	if _, err := s.Rows("users"); err == nil {
		t.Error("any table is loaded")
	}
}

// TestGetUsesIndexes: a key must not cost a walk through the table.
func TestGetUsesIndexes(t *testing.T) {
	s := newSQLite(t)
	for table, q := range sqliteQueries {
		t.Run(table, func(t *testing.T) {
			rows, err := s.Rows(table)
			if err != nil {
				t.Fatal(err)
			}
			args, _ := rows.arguments("domain:a")
			plan, err := s.Text("EXPLAIN QUERY PLAN "+q.get).Query(t.Context(), args...)
			if err != nil {
				t.Fatal(err)
			}
			defer plan.Close()
			for plan.Next() {
				var id, parent, unused int
				var detail string
				if err := plan.Scan(&id, &parent, &unused, &detail); err != nil {
					t.Fatal(err)
				}
				if strings.HasPrefix(detail, "SCAN") && !strings.HasSuffix(detail, "_non_ascii") {
					t.Errorf("%s: %s", q.get, detail)
				}
			}
		})
	}
}

func TestLoadEnds(t *testing.T) {
	s := newSQLite(t)
	mustExec(t, s, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
		INSERT INTO alias (address, goto) SELECT 'u' || i, 'x' FROM n`)
	rows, err := s.Rows("alias")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("with the error of emit", func(t *testing.T) {
		full, n := errors.New("no room"), 0
		err := rows.Load(t.Context(), func(_, _ []byte) error { n++; return full })
		if err != full || n != 1 {
			t.Errorf("after %d rows: %v", n, err)
		}
	})
	t.Run("with its context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		err := rows.Load(ctx, func(_, _ []byte) error { n++; cancel(); return nil })
		if !errors.Is(err, context.Canceled) || n > 1024 {
			t.Errorf("after %d rows: %v", n, err)
		}
	})
	t.Run("and the store goes on", func(t *testing.T) {
		if got := loadAll(t, s, "alias"); len(got) != 5000 {
			t.Errorf("%d rows", len(got))
		}
	})
	t.Run("dropped table", func(t *testing.T) {
		mustExec(t, s, `DROP TABLE alias`)
		if err := rows.Load(t.Context(), func(_, _ []byte) error { return nil }); !MissingTable(err) {
			t.Errorf("load: %v", err)
		}
		if got, err := rows.Get(t.Context(), "u1"); !MissingTable(err) {
			t.Errorf("get: %q, %v", got, err)
		}
	})
}

// TestBansExpire: the clock is ours, and a ban ends when it says.
func TestBansExpire(t *testing.T) {
	s := newSQLite(t)
	mustExec(t, s, `INSERT INTO api_bans (ban_type, ban_value, expires_at) VALUES ('ip', '192.0.2.1', '2030-01-01 00:00:00.500000')`)
	rows, err := s.Rows("api_bans")
	if err != nil {
		t.Fatal(err)
	}
	end := time.Date(2030, 1, 1, 0, 0, 0, 5e8, time.UTC)
	for shift, want := range map[time.Duration]int{-time.Microsecond: 1, 0: 0, time.Hour: 0} {
		rows.now = func() time.Time { return end.Add(shift) }
		if got, err := rows.Get(t.Context(), "ip:192.0.2.1"); err != nil || len(got) != want {
			t.Errorf("%v after its end: %q, %v", shift, got, err)
		}
	}
}

// TestFoldAgrees: the folding of Load is that of lookup.
func TestFoldAgrees(t *testing.T) {
	var p pairs
	for _, key := range []string{"", "abc", "ABC", "a@B.c", "ÄB", "Straße", "A\xff", "\x00Z[`{"} {
		if got, want := string(p.fold([]byte(key))), lookup.Fold(key); got != want {
			t.Errorf("%q: %q, want %q", key, got, want)
		}
	}
}

func TestPairAllocatesNothing(t *testing.T) {
	p := pairs{}
	key, value := []byte("User@Example.COM"), []byte("x")
	n := testing.AllocsPerRun(100, func() {
		if _, _, ok := p.pair([3]sql.RawBytes{key, value}); !ok {
			t.Fatal("no row")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations for a row", n)
	}
}
