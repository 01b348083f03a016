package store

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var banNow = time.Date(2026, 11, 21, 14, 0, 0, 123456000, time.UTC)

// bansOf administers the bans of a store by a clock that stands still.
func bansOf(s *Store) *Bans { return s.Bans(func() time.Time { return banNow }) }

func domainBan(value string) Ban { return Ban{BanTarget: BanTarget{"domain", value}} }

// banTests are what the administration of bans does on every database.
var banTests = []struct {
	name string
	run  func(t *testing.T, s *Store)
}{
	{"add", testBanAdd},
	{"add twice", testBanAddTwice},
	{"replace", testBanReplace},
	{"revoke", testBanRevoke},
	{"revoke by number", testBanRevokeID},
	{"rows of others", testBanForeignRows},
	{"two at once", testBanConcurrent},
	{"list", testBanList},
}

func TestBans(t *testing.T) {
	for _, tt := range banTests {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, newSQLite(t)) })
	}
}

// mustAdd bans and returns the row.
func mustAdd(t *testing.T, b *Bans, ban Ban) Ban {
	t.Helper()
	added, _, err := b.Add(t.Context(), ban, false)
	if err != nil {
		t.Fatal(err)
	}
	return added
}

// rowsOf counts the rows of the table that match a condition.
func rowsOf(t *testing.T, s *Store, condition string) (n int) {
	t.Helper()
	if err := s.DB().Get(&n, "SELECT count(*) FROM api_bans WHERE "+condition); err != nil {
		t.Fatal(err)
	}
	return n
}

func testBanAdd(t *testing.T, s *Store) {
	until := banNow.Add(7 * 24 * time.Hour)
	ban := Ban{BanTarget: BanTarget{"email", "josé@x.test"}, Reason: "ünwanted ☠", Expires: until}
	added := mustAdd(t, bansOf(s), ban)
	list, err := bansOf(s).List(t.Context(), "email", false)
	if err != nil || len(list) != 1 || list[0] != added {
		t.Fatalf("added %+v, listed %+v, %v", added, list, err)
	}
	ban.ID, ban.Created = added.ID, banNow
	if added != ban || added.ID == 0 {
		t.Errorf("got %+v, want %+v", added, ban)
	}
	if got := loadAll(t, s, "api_bans")["email:josé@x.test"]; !slices.Equal(got, []string{fmt.Sprintf("%d ünwanted ☠", until.UnixMicro())}) {
		t.Errorf("the daemons read %q", got)
	}
	if n := rowsOf(t, s, "created_at = '2026-11-21 14:00:00.123456' AND expires_at = '2026-11-28 14:00:00.123456'"); n != 1 {
		t.Error("the times are not in UTC")
	}
	mustAdd(t, bansOf(s), domainBan("x.test"))
	if n := rowsOf(t, s, "ban_type = 'domain' AND expires_at IS NULL AND reason IS NULL AND revoked_at IS NULL"); n != 1 {
		t.Error("what was not said is not NULL")
	}
}

func testBanAddTwice(t *testing.T, s *Store) {
	b := bansOf(s)
	first := mustAdd(t, b, domainBan("x.test"))
	again, old, err := b.Add(t.Context(), Ban{BanTarget: first.BanTarget, Expires: banNow.Add(time.Hour)}, false)
	if !errors.Is(err, ErrBanned) || again != first || old != nil {
		t.Errorf("got %+v, %+v, %v", again, old, err)
	}
	mustAdd(t, b, domainBan("y.test"))
	mustAdd(t, b, Ban{BanTarget: BanTarget{"name", "x.test"}})
	if n := rowsOf(t, s, "ban_value = 'x.test'"); n != 2 {
		t.Errorf("%d rows", n)
	}
	// One that is over does not stand in the way.
	mustAdd(t, b, Ban{BanTarget: BanTarget{"domain", "z.test"}, Expires: banNow})
	mustAdd(t, b, domainBan("z.test"))
	if n := rowsOf(t, s, "ban_value = 'z.test'"); n != 2 {
		t.Errorf("%d rows", n)
	}
}

func testBanReplace(t *testing.T, s *Store) {
	b := bansOf(s)
	// Other programs may have written several for one target.
	for _, value := range []string{"x.test", "X.Test", "x.test."} {
		mustExec(t, s, "INSERT INTO api_bans (ban_type, ban_value, created_at) VALUES ('domain', '"+value+"', '2026-01-01 00:00:00')")
	}
	ban := Ban{BanTarget: BanTarget{"domain", "x.test"}, Reason: "new", Expires: banNow.Add(time.Hour)}
	added, old, err := b.Add(t.Context(), ban, true)
	if err != nil || len(old) != 3 || added.ID <= old[2].ID {
		t.Fatalf("got %+v, %+v, %v", added, old, err)
	}
	list, err := b.List(t.Context(), "", false)
	if err != nil || len(list) != 1 || list[0] != added {
		t.Errorf("in force: %+v, %v", list, err)
	}
	if n := rowsOf(t, s, "revoked_reason = 'replaced'"); n != 3 {
		t.Errorf("%d replaced", n)
	}
	// Without one in force it only adds.
	if _, old, err := b.Add(t.Context(), domainBan("y.test"), true); err != nil || len(old) != 0 {
		t.Errorf("got %+v, %v", old, err)
	}
}

func testBanRevoke(t *testing.T, s *Store) {
	b := bansOf(s)
	target := BanTarget{"ip", "192.0.2.1"}
	// Within one microsecond, as a clock that stands still has it.
	for range 3 {
		added := mustAdd(t, b, Ban{BanTarget: target})
		ended, err := b.Revoke(t.Context(), target, "a mistake")
		if err != nil || len(ended) != 1 || ended[0].ID != added.ID || ended[0].RevokedReason != "a mistake" {
			t.Fatalf("got %+v, %v", ended, err)
		}
		if _, err := b.Revoke(t.Context(), target, ""); !errors.Is(err, ErrNotBanned) {
			t.Errorf("again: %v", err)
		}
	}
	list, err := b.List(t.Context(), "ip", true)
	if err != nil || len(list) != 3 {
		t.Fatalf("the history: %+v, %v", list, err)
	}
	for i, ban := range list {
		if want := banNow.Add(time.Duration(i) * time.Microsecond); !ban.Revoked.Equal(want) || ban.RevokedReason != "a mistake" {
			t.Errorf("row %d: %+v", i, ban)
		}
	}
	for _, other := range []BanTarget{{"ip", "192.0.2.2"}, {"name", "192.0.2.1"}, {"domain", "x.test"}} {
		if _, err := b.Revoke(t.Context(), other, ""); !errors.Is(err, ErrNotBanned) {
			t.Errorf("%v: %v", other, err)
		}
	}
}

func testBanRevokeID(t *testing.T, s *Store) {
	b := bansOf(s)
	mustExec(t, s, "INSERT INTO api_bans (ban_type, ban_value) VALUES ('name', ' odd *')",
		"INSERT INTO api_bans (ban_type, ban_value) VALUES ('name', ' odd *')")
	list, err := b.List(t.Context(), "", false)
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	ended, err := b.RevokeID(t.Context(), list[1].ID, "")
	if err != nil || len(ended) != 1 || ended[0].ID != list[1].ID || ended[0].Value != " odd *" {
		t.Errorf("got %+v, %v", ended, err)
	}
	if n := rowsOf(t, s, "revoked_at IS NULL"); n != 1 {
		t.Errorf("%d are left", n)
	}
	for _, id := range []uint64{list[1].ID, list[1].ID + 1, 0} {
		if _, err := b.RevokeID(t.Context(), id, ""); !errors.Is(err, ErrNotBanned) {
			t.Errorf("%d: %v", id, err)
		}
	}
	// The second of two at the same instant.
	if _, err := b.RevokeID(t.Context(), list[0].ID, ""); err != nil {
		t.Error(err)
	}
	over := mustAdd(t, b, Ban{BanTarget: BanTarget{"domain", "over.test"}, Expires: banNow})
	if _, err := b.RevokeID(t.Context(), over.ID, ""); !errors.Is(err, ErrNotBanned) {
		t.Errorf("expired: %v", err)
	}
}

// testBanForeignRows: spellings of other programs mean the same target, and
// what a collation takes for the same does not.
func testBanForeignRows(t *testing.T, s *Store) {
	tests := []struct {
		kind, row string
		target    string
		same      bool
	}{
		{"domain", "Example.COM", "example.com", true},
		{"domain", "example.net.", "example.net", true},
		{"domain", "BÜCHER.test", "xn--bcher-kva.test", true},
		{"domain", "xn--bcher-kva.example.", "bücher.example", true},
		{"domain", "bucher.example", "xn--bcher-kva.example", false},
		{"domain", "@example.org", "example.org", true},
		{"domain", "*.Sub.example.org", "sub.example.org", true},
		{"domain", ".under.example.org", "under.example.org", true},
		{"domain", "under2.example.org", "example.org", false},
		{"email", "<Ann@Example.COM>", "ann@example.com", true},
		{"email", "eve@BÜCHER.test", "eve@xn--bcher-kva.test", true},
		{"email", "Bob@Example.COM", "bob@example.com", true},
		{"email", "jose@example.com", "josé@example.com", false},
		{"ip", "192.0.2.7/32", "192.0.2.7", true},
		{"ip", "2001:db8::a/128", "2001:db8::a", true},
		{"ip", "2001:DB8::B", "2001:db8::b", true},
		{"ip", "192.0.2.0/24", "192.0.2.0", false},
		{"name", "ADMIN", "admin", true},
	}
	for _, tt := range tests {
		t.Run(tt.row, func(t *testing.T) {
			b, target := bansOf(s), BanTarget{tt.kind, tt.target}
			mustExec(t, s, "INSERT INTO api_bans (ban_type, ban_value) VALUES ('"+tt.kind+"', '"+tt.row+"')")
			added, _, err := b.Add(t.Context(), Ban{BanTarget: target}, false)
			if tt.same != errors.Is(err, ErrBanned) || !tt.same && err != nil {
				t.Errorf("added %+v, %v", added, err)
			}
			ended, err := b.Revoke(t.Context(), target, "")
			if err != nil || len(ended) != 1 || tt.same != (ended[0].Value == tt.row) {
				t.Errorf("ended %+v, %v", ended, err)
			}
		})
	}
}

// testBanConcurrent: of many who ban one target at once, one does.
func testBanConcurrent(t *testing.T, s *Store) {
	const writers = 12
	for _, target := range []BanTarget{{"domain", "x.test"}, {"email", "a@x.test"}} {
		results := make(chan error, writers)
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				_, _, err := bansOf(s).Add(t.Context(), Ban{BanTarget: target}, false)
				results <- err
			})
		}
		wg.Wait()
		close(results)
		added := 0
		for err := range results {
			switch {
			case err == nil:
				added++
			case !errors.Is(err, ErrBanned):
				t.Error(err)
			}
		}
		if n := rowsOf(t, s, "ban_value = '"+target.Value+"'"); added != 1 || n != 1 {
			t.Errorf("%s: %d added, %d rows", target.Key(), added, n)
		}
	}
}

func testBanList(t *testing.T, s *Store) {
	b := bansOf(s)
	for i := range 7 {
		mustAdd(t, b, domainBan(fmt.Sprintf("%d.test", (i*3)%7)))
	}
	mustAdd(t, b, Ban{BanTarget: BanTarget{"email", "a@x.test"}})
	mustAdd(t, b, Ban{BanTarget: BanTarget{"domain", "over.test"}, Expires: banNow})
	mustAdd(t, b, Ban{BanTarget: BanTarget{"domain", "soon.test"}, Expires: banNow.Add(time.Microsecond)})
	if _, err := b.Revoke(t.Context(), BanTarget{"domain", "3.test"}, "why not"); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		kind string
		all  bool
		want string
	}{
		{"", false, "0.test 1.test 2.test 4.test 5.test 6.test soon.test a@x.test"},
		{"", true, "0.test 1.test 2.test 3.test 4.test 5.test 6.test over.test soon.test a@x.test"},
		{"email", true, "a@x.test"},
		{"ip", true, ""},
	}
	for i, tt := range tests {
		b.page = i + 1 // more than one question
		var got []string
		list, err := b.List(t.Context(), tt.kind, tt.all)
		for _, ban := range list {
			got = append(got, ban.Value)
		}
		if text := strings.Join(got, " "); err != nil || text != tt.want {
			t.Errorf("%q, %v: %s, %v", tt.kind, tt.all, text, err)
		}
	}
}

// TestBanOddTimes: rows of other programs whose times are none.
func TestBanOddTimes(t *testing.T) {
	text := func(s string) sql.NullString { return sql.NullString{String: s, Valid: true} }
	tests := []struct {
		name   string
		row    banRow
		active bool
	}{
		{"no times", banRow{}, true},
		{"an expiry that is none", banRow{Expires: text("tomorrow")}, true},
		{"the zero date", banRow{Expires: text("0000-00-00 00:00:00.000000")}, false},
		{"revoked at some time", banRow{Revoked: text("yes")}, false},
		{"revoked in the future", banRow{Revoked: text("2099-01-01 00:00:00")}, false},
		{"expires in a microsecond", banRow{Expires: text("2026-11-21 14:00:00.123457")}, true},
		{"expires now", banRow{Expires: text("2026-11-21 14:00:00.123456")}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if ban := tt.row.ban(); ban.Active(banNow) != tt.active {
				t.Errorf("%+v", ban)
			}
		})
	}
}

func TestBanTrouble(t *testing.T) {
	busy := func(o *Options) { o.StatementTimeout = 500 * time.Millisecond }
	tests := []struct {
		name string
		make func(t *testing.T) *Store
		want string
	}{
		{"no file", func(t *testing.T) *Store {
			s, err := Open(Options{Driver: "sqlite", Path: filepath.Join(t.TempDir(), "none.db")}, nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			return s
		}, "cannot be opened"},
		{"no table", func(t *testing.T) *Store {
			s := newSQLite(t)
			mustExec(t, s, `DROP TABLE api_bans`)
			return s
		}, "no such table: api_bans"},
		{"somebody else writes", func(t *testing.T) *Store {
			s := newSQLite(t, busy)
			other, err := openSQLite(s.options)
			if err != nil {
				t.Fatal(err)
			}
			tx, err := other.BeginTxx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { tx.Rollback(); other.Close() })
			return s
		}, "locked by another program"},
		{"closed", func(t *testing.T) *Store {
			s := newSQLite(t)
			s.Close()
			return s
		}, "closed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := bansOf(tt.make(t))
			_, _, addErr := b.Add(t.Context(), domainBan("x.test"), false)
			_, revokeErr := b.Revoke(t.Context(), BanTarget{"domain", "x.test"}, "")
			for stage, err := range map[string]error{"add: ": addErr, "revoke: ": revokeErr} {
				if err == nil || !strings.HasPrefix(err.Error(), stage) || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("%s%v, want …%s…", stage, err, tt.want)
				}
			}
		})
	}
}
