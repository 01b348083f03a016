//go:build integration

package postern_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
	"postern/internal/scratch/trixie"
)

func openMariaDB(t *testing.T, m *scratch.MariaDB) *sql.DB {
	t.Helper()
	config, err := mysql.ParseDSN(m.DSN())
	if err != nil {
		t.Fatal(err)
	}
	config.MultiStatements = true
	connector, err := mysql.NewConnector(config)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { db.Close() })
	return db
}

func mustExec(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// TestMariaDBLoadsInAnyOrder loads the tables on the MariaDB of this Debian and
// on that of Debian 13.
func TestMariaDBLoadsInAnyOrder(t *testing.T) {
	t.Run("this Debian", func(t *testing.T) { loadInAnyOrder(t, scratchtest.MariaDB(t, scratch.MariaDBOptions{})) })
	t.Run("Debian 13", func(t *testing.T) {
		root, err := trixie.Root(t.Context(), os.Stderr)
		if err != nil {
			t.Fatal(err)
		}
		m := scratchtest.MariaDB(t, scratch.MariaDBOptions{Root: root})
		var version string
		if err := openMariaDB(t, m).QueryRow("SELECT VERSION()").Scan(&version); err != nil || !strings.HasPrefix(version, "11.8.") {
			t.Fatalf("version %q, %v; want 11.8", version, err)
		}
		loadInAnyOrder(t, m)
	})
}

// loadInAnyOrder loads the tables in 20 orders, half of them with the change
// feed, and each a second time over what is there.
func loadInAnyOrder(t *testing.T, m *scratch.MariaDB) {
	db := openMariaDB(t, m)
	tables, err := filepath.Glob("__db/*.sql")
	if err != nil || len(tables) != 15 {
		t.Fatalf("%d tables, %v", len(tables), err)
	}
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			mustExec(t, db, "DROP DATABASE "+m.Database(), "CREATE DATABASE "+m.Database())
			order := rand.New(rand.NewPCG(seed, 0))
			for range 2 {
				files := slices.Clone(tables)
				order.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
				if seed%2 == 0 {
					files = append(files, "__db/additions/postern_change.sql")
				}
				if err := m.Load(t.Context(), files...); err != nil {
					t.Fatal(files, err)
				}
			}
			if got, want := countTables(t, m), 15+int(1-seed%2); got != want {
				t.Errorf("%d tables, want %d", got, want)
			}
		})
	}
}

func countTables(t *testing.T, m *scratch.MariaDB) (n int) {
	t.Helper()
	db := openMariaDB(t, m)
	row := db.QueryRow(`SELECT count(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND ENGINE = 'InnoDB'`)
	if err := row.Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestMariaDBColumns: other programs write these tables, so their columns are
// a promise.
func TestMariaDBColumns(t *testing.T) {
	m := scratchtest.MariaDB(t, scratch.MariaDBOptions{})
	db := loadSchema(t, m)
	want := map[string]string{
		"alias":           "id int(11), address varchar(320), goto text, active tinyint(1), created timestamp, modified timestamp",
		"alias_handle":    "id bigint(20) unsigned, handle varchar(128), address varchar(255) null, active tinyint(1)",
		"domain":          "id int(11), name varchar(255), active tinyint(1)",
		"smtp_sender_acl": "id int(11), login varchar(320), sender varchar(320), active tinyint(1)",
		"smtp_users":      "id int(11), username varchar(320), password varchar(255), active tinyint(1), created_at timestamp",
		"api_bans": "id bigint(20) unsigned, ban_type enum('email','domain','ip','name'), ban_value varchar(254), reason varchar(500) null," +
			" created_at datetime(6), expires_at datetime(6) null, revoked_at datetime(6) null, revoked_reason varchar(500) null, ban_pattern varchar(256) null",
	}
	for table, columns := range want {
		if got := columnsOf(t, db, table); got != columns {
			t.Errorf("%s:\n got %s\nwant %s", table, got, columns)
		}
	}
	collations := map[bool]string{true: "utf8mb4_uca1400_ai_ci", false: "utf8mb4_unicode_ci"}
	rows, err := db.Query(`SELECT TABLE_NAME, TABLE_COLLATION FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME <> 'postern_change'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var table, collation string
		if err := rows.Scan(&table, &collation); err != nil {
			t.Fatal(err)
		}
		newer := slices.Contains([]string{"alias", "alias_handle", "domain", "smtp_sender_acl", "smtp_users", "dns_requests"}, table)
		if collation != collations[newer] {
			t.Errorf("%s has collation %s", table, collation)
		}
	}
}

func columnsOf(t *testing.T, db *sql.DB, table string) string {
	t.Helper()
	rows, err := db.Query(`SELECT COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE FROM information_schema.COLUMNS
		WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION`, table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var columns []string
	for rows.Next() {
		var name, kind, null string
		if err := rows.Scan(&name, &kind, &null); err != nil {
			t.Fatal(err)
		}
		columns = append(columns, name+" "+kind+map[string]string{"YES": " null"}[null])
	}
	return strings.Join(columns, ", ")
}

// loadSchema loads what `postern schema` prints.
func loadSchema(t *testing.T, m *scratch.MariaDB) *sql.DB {
	t.Helper()
	scratchtest.LoadSchema(t, m)
	return openMariaDB(t, m)
}

// TestMariaDBFeed says which statements reach the change feed, with which keys.
func TestMariaDBFeed(t *testing.T) {
	db := loadSchema(t, scratchtest.MariaDB(t, scratch.MariaDBOptions{}))
	tests := []struct{ name, statement, want string }{
		{"insert", "INSERT INTO alias (address, goto) VALUES ('C@x.test', 'd')", "alias C@x.test"},
		{"several", "INSERT INTO alias (address, goto) VALUES ('d@x.test', 'd'), ('e@x.test', 'd')", "alias d@x.test, alias e@x.test"},
		{"new target", "UPDATE alias SET goto = 'z' WHERE address = 'a@x.test'", "alias a@x.test"},
		{"target changes its case", "UPDATE alias SET goto = 'B@y.test'", "alias a@x.test"},
		{"nothing new", "UPDATE alias SET goto = goto, active = active", ""},
		{"other column", "UPDATE alias SET created = '2000-01-01 00:00:00'", ""},
		{"new key", "UPDATE alias SET address = 'n@x.test'", "alias n@x.test, alias a@x.test"},
		{"new accent, same to the collation", "UPDATE alias SET address = 'à@x.test'", "alias à@x.test, alias a@x.test"},
		{"delete", "DELETE FROM alias", "alias a@x.test"},
		{"replace", "REPLACE INTO alias (address, goto) VALUES ('a@x.test', 'z')", "alias a@x.test, alias a@x.test"},
		{"upsert that changes nothing", "INSERT INTO alias (address, goto) VALUES ('a@x.test', 'x') ON DUPLICATE KEY UPDATE goto = 'b@y.test'", ""},
		{"domain off", "UPDATE domain SET active = 0", "domain x.test"},
		{"handle without address", "UPDATE alias_handle SET address = NULL", "alias_handle jo"},
		{"login changes its case", "UPDATE smtp_sender_acl SET login = 'ALICE'", "smtp_sender_acl a@x.test"},
		{"ban revoked", "UPDATE api_bans SET revoked_at = '2026-01-01 00:00:00'", "api_bans domain:bad.test"},
		{"ban of another type", "UPDATE api_bans SET ban_type = 'name'", "api_bans name:bad.test, api_bans domain:bad.test"},
		{"ban note only", "UPDATE api_bans SET revoked_reason = 'x'", ""},
		{"table without feed", "INSERT INTO smtp_users (username, password) VALUES ('u', 'p')", ""},
		{"rolled back", "INSERT INTO domain (name) VALUES ('r.test'); ROLLBACK", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, table := range []string{"alias", "domain", "alias_handle", "smtp_sender_acl", "api_bans"} {
				mustExec(t, db, "DELETE FROM "+table)
			}
			mustExec(t, db, "INSERT INTO alias (address, goto) VALUES ('a@x.test', 'b@y.test')",
				"INSERT INTO domain (name) VALUES ('x.test')",
				"INSERT INTO alias_handle (handle, address) VALUES ('jo', 'b@y.test')",
				"INSERT INTO smtp_sender_acl (login, sender) VALUES ('alice', 'a@x.test')",
				"INSERT INTO api_bans (ban_type, ban_value) VALUES ('domain', 'bad.test')",
				"DELETE FROM postern_change", "START TRANSACTION; "+tt.statement+"; COMMIT")
			var got sql.NullString
			row := db.QueryRow(`SELECT group_concat(tbl, ' ', k ORDER BY seq SEPARATOR ', ') FROM postern_change`)
			if err := row.Scan(&got); err != nil {
				t.Fatal(err)
			}
			if got.String != tt.want {
				t.Errorf("feed says %q, want %q", got.String, tt.want)
			}
		})
	}
	t.Run("ids of the writer stay", func(t *testing.T) {
		conn, err := db.Conn(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		result, err := conn.ExecContext(context.Background(), "INSERT INTO domain (id, name) VALUES (NULL, 'id.test')")
		if err != nil {
			t.Fatal(err)
		}
		id, _ := result.LastInsertId()
		var stored int64
		if err := conn.QueryRowContext(context.Background(), "SELECT id FROM domain WHERE name = 'id.test'").Scan(&stored); err != nil || stored != id {
			t.Errorf("the writer is told id %d, and it is %d, %v", id, stored, err)
		}
	})
}

// TestMariaDBFeedStaysShort: old rows go, with nobody's help, and no writer
// waits for another.
func TestMariaDBFeedStaysShort(t *testing.T) {
	m := scratchtest.MariaDB(t, scratch.MariaDBOptions{})
	for _, step := range []int{1, 2, 3} { // auto_increment_increment of a cluster
		t.Run(fmt.Sprint("step ", step), func(t *testing.T) {
			mustExec(t, openMariaDB(t, m), "DROP DATABASE "+m.Database(), "CREATE DATABASE "+m.Database())
			db := loadSchema(t, m)
			mustExec(t, db, fmt.Sprintf("INSERT INTO postern_change (seq, tbl, k) SELECT seq, 'alias', 'old' FROM seq_1_to_3000_step_%d", step),
				"ALTER TABLE postern_change AUTO_INCREMENT = 997921")
			for _, writer := range []string{"a", "b"} {
				tx, err := db.Begin() // both stay open
				if err != nil {
					t.Fatal(err)
				}
				defer tx.Rollback()
				statement := fmt.Sprintf(`SET SESSION innodb_lock_wait_timeout = 1, auto_increment_increment = %d;
					INSERT INTO alias (address, goto) SELECT concat('%s', seq), 'x' FROM seq_1_to_500`, step, writer)
				if _, err := tx.Exec(statement); err != nil {
					t.Fatal(err)
				}
				var old, fresh int
				row := tx.QueryRow("SELECT sum(k = 'old'), sum(k <> 'old') FROM postern_change")
				if err := row.Scan(&old, &fresh); err != nil {
					t.Fatal(err)
				}
				if want := (3000-1)/step + 1 - 500; old != want || fresh != 500 {
					t.Errorf("%d old rows and %d new ones, want %d and 500", old, fresh, want)
				}
			}
		})
	}
}

func TestMariaDBBanPattern(t *testing.T) {
	m := scratchtest.MariaDB(t, scratch.MariaDBOptions{})
	db := loadSchema(t, m)
	mustExec(t, db, "INSERT INTO api_bans (ban_type, ban_value) VALUES ('domain', 'bad.test'), ('name', 'bad')",
		// Two bans in force, and an expired one before the next: none refuses another.
		"INSERT INTO api_bans (ban_type, ban_value, expires_at) VALUES ('domain', 'bad.test', '2020-01-01'), ('domain', 'bad.test', NULL)")
	var n int
	if err := db.QueryRow("SELECT count(*) FROM api_bans WHERE 'mx.sub.bad.test' LIKE ban_pattern").Scan(&n); err != nil || n != 3 {
		t.Errorf("%d bans cover a subdomain, %v", n, err)
	}
	// An older table without the column gets it.
	mustExec(t, db, "ALTER TABLE api_bans DROP COLUMN ban_pattern")
	if err := m.Load(t.Context(), "__db/api_bans.sql"); err != nil {
		t.Fatal(err)
	}
	if got := columnsOf(t, db, "api_bans"); !strings.HasSuffix(got, "ban_pattern varchar(256) null") {
		t.Errorf("columns %s", got)
	}
}
