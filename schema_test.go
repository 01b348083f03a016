package postern

import (
	"database/sql"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "modernc.org/sqlite"
)

var tables = []string{
	"alias", "alias_handle", "api_bans", "api_logs", "api_token_requests", "api_tokens", "auth_sessions",
	"dns_requests", "domain", "email_confirmations", "email_verification_tokens", "password_reset_tokens",
	"smtp_sender_acl", "smtp_users", "users",
}

func TestSchemaFiles(t *testing.T) {
	for _, driver := range []string{"mysql", "sqlite"} {
		t.Run(driver, func(t *testing.T) {
			list, err := SchemaFiles(driver)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, f := range list {
				name := strings.TrimSuffix(f.Name, ".sql")
				names = append(names, name)
				if !strings.Contains(f.SQL, "CREATE TABLE IF NOT EXISTS "+name+" (") {
					t.Errorf("%s does not create table %s", f.Name, name)
				}
			}
			slices.Sort(names)
			want := append(slices.Clone(tables), "postern_change")
			slices.Sort(want)
			if !slices.Equal(names, want) {
				t.Errorf("files %v, want %v", names, want)
			}
		})
	}
}

func TestSchemaPutsAdditionsLast(t *testing.T) {
	text, err := Schema("mysql")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(strings.TrimSpace(text), "DELIMITER ;") {
		t.Error("the change feed is not last")
	}
}

func TestSchemaRefusesOtherDrivers(t *testing.T) {
	if _, err := Schema("postgres"); err == nil || !strings.Contains(err.Error(), "mysql or sqlite") {
		t.Errorf("error %v does not say which drivers there are", err)
	}
}

func TestSQLiteLoadsInAnyOrder(t *testing.T) {
	for seed := range uint64(20) {
		list, err := SchemaFiles("sqlite")
		if err != nil {
			t.Fatal(err)
		}
		db := openSQLite(t)
		order := rand.New(rand.NewPCG(seed, 0))
		for range 2 { // a second time changes nothing
			order.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			for _, f := range list {
				if _, err := db.Exec(f.SQL); err != nil {
					t.Fatalf("seed %d: %s: %v", seed, f.Name, err)
				}
			}
		}
		var n int
		if err := db.QueryRow(`SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`).Scan(&n); err != nil || n != 16 {
			t.Fatalf("seed %d: %d tables, %v", seed, n, err)
		}
	}
}

// TestSQLiteFeed says which statements reach the change feed, with which keys.
func TestSQLiteFeed(t *testing.T) {
	tests := []struct{ name, statement, want string }{
		{"insert", `INSERT INTO alias (address, goto) VALUES ('c@x.test', 'd')`, "alias c@x.test"},
		{"new target", `UPDATE alias SET goto = 'z' WHERE address = 'a@x.test'`, "alias a@x.test"},
		{"target changes its case", `UPDATE alias SET goto = 'B@y.test'`, "alias a@x.test"},
		{"nothing new", `UPDATE alias SET goto = goto, active = active`, ""},
		{"other column", `UPDATE alias SET created = '2000-01-01 00:00:00'`, ""},
		{"new key", `UPDATE alias SET address = 'n@x.test'`, "alias n@x.test, alias a@x.test"},
		{"delete", `DELETE FROM alias`, "alias a@x.test"},
		{"domain off", `UPDATE domain SET active = 0`, "domain x.test"},
		{"handle without address", `UPDATE alias_handle SET address = NULL`, "alias_handle jo"},
		{"login changes its case", `UPDATE smtp_sender_acl SET login = 'ALICE'`, "smtp_sender_acl a@x.test"},
		{"ban revoked", `UPDATE api_bans SET revoked_at = '2026-01-01 00:00:00'`, "api_bans domain:bad.test"},
		{"ban of another type", `UPDATE api_bans SET ban_type = 'name'`, "api_bans name:bad.test, api_bans domain:bad.test"},
		{"ban note only", `UPDATE api_bans SET revoked_reason = 'x'`, ""},
		{"table without feed", `INSERT INTO smtp_users (username, password) VALUES ('u', 'p')`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			db := openSQLite(t)
			script, err := Schema("sqlite")
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range []string{script, `
				INSERT INTO alias (address, goto) VALUES ('a@x.test', 'b@y.test');
				INSERT INTO domain (name) VALUES ('x.test');
				INSERT INTO alias_handle (handle, address) VALUES ('jo', 'b@y.test');
				INSERT INTO smtp_sender_acl (login, sender) VALUES ('alice', 'a@x.test');
				INSERT INTO api_bans (ban_type, ban_value) VALUES ('domain', 'bad.test');
				DELETE FROM postern_change`, tt.statement} {
				if _, err := db.Exec(s); err != nil {
					t.Fatal(err)
				}
			}
			var got sql.NullString
			if err := db.QueryRow(`SELECT group_concat(tbl || ' ' || k, ', ') FROM (SELECT * FROM postern_change ORDER BY seq)`).Scan(&got); err != nil {
				t.Fatal(err)
			}
			if got.String != tt.want {
				t.Errorf("feed says %q, want %q", got.String, tt.want)
			}
		})
	}
}

// TestSQLiteBansMayRepeat: an expired ban must not refuse the next one.
func TestSQLiteBansMayRepeat(t *testing.T) {
	db := openSQLite(t)
	script, err := Schema("sqlite")
	if err != nil {
		t.Fatal(err)
	}
	const ban = `INSERT INTO api_bans (ban_type, ban_value, expires_at) VALUES ('domain', 'bad.test', '2020-01-01 00:00:00')`
	for _, s := range []string{script, ban, ban} {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSQLiteTouchesModified(t *testing.T) {
	db := openSQLite(t)
	script, err := Schema("sqlite")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{script,
		`INSERT INTO alias (address, goto, modified) VALUES ('a', 'b', '2000-01-01 00:00:00')`,
		`UPDATE alias SET goto = 'c'`} {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
	var modified string
	if err := db.QueryRow(`SELECT modified FROM alias`).Scan(&modified); err != nil || modified == "2000-01-01 00:00:00" {
		t.Errorf("modified is %q, %v", modified, err)
	}
}

func openSQLite(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	return db
}

// TestFeedOutlivesSteps: the age at which a change is removed must fit every
// auto_increment_increment of a cluster.
func TestFeedOutlivesSteps(t *testing.T) {
	text, err := Schema("mysql")
	if err != nil {
		t.Fatal(err)
	}
	const age = 997920
	if !strings.Contains(text, "LAST_INSERT_ID() - 997920") {
		t.Fatal("the age has changed")
	}
	for step := 1; step <= 12; step++ {
		if age%step != 0 {
			t.Errorf("%d is no multiple of %d", age, step)
		}
	}
}
